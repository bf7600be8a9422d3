#include "actors/runtime/lean_actor.hpp"

#include "tests/support/catch.hpp"
#include "tests/unit/runtime/runtime_fixture.hpp"

#include <caf/actor_system.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>

#include <atomic>
#include <functional>
#include <stdexcept>
#include <thread>
#include <vector>

using namespace troupe::runtime;
using namespace troupe::runtime::test;

namespace {

constexpr auto patience = std::chrono::seconds{30};

}  // namespace

TEST_CASE("messages of each foreign thread arrive in order on the home loop", "[lean_actor]") {
  threaded_system t{2};
  constexpr unsigned senders = 4;
  constexpr std::uint64_t each = 20'000;
  std::vector<std::uint64_t> expected(senders, 0);
  std::atomic<bool> ok{true};
  countdown done{1};
  auto& home = t.loops().loop(1);
  auto a = spawn_lean<scripted>(t.sys, &home, [&](scripted&, caf::mailbox_element& m) {
    const auto* x = payload<numbered>(m);
    if (x == nullptr || expected[x->sender]++ != x->number || !home.is_current()) ok = false;
    std::uint64_t sum = 0;
    for (auto n : expected) sum += n;
    if (sum == senders * each) done.hit();
  });
  std::vector<std::thread> threads;
  for (unsigned s = 0; s < senders; ++s)
    threads.emplace_back([&, s] {
      for (std::uint64_t i = 0; i < each; ++i) caf::anon_send(a, numbered{s, i});
    });
  for (auto& x : threads) x.join();
  CHECK(done.wait());
  CHECK(ok);
  CHECK(eventually([&] {
    const auto rows = t.loops().table(1).rows(10);
    return rows.size() == 1 && rows[0].messages_handled == senders * each &&
           rows[0].mailbox_depth == 0 && rows[0].loop == 1 && rows[0].name == "scripted";
  }));
}

TEST_CASE("an actor that moves between loops loses and reorders nothing", "[lean_actor]") {
  constexpr unsigned loops = 3;
  constexpr unsigned senders = 3;
  constexpr std::uint64_t each = 20'000;
  threaded_system t{loops};
  std::vector<std::uint64_t> expected(senders, 0);
  std::uint64_t total = 0;  // not atomic: TSan would see two threads at once
  run_loop* here = nullptr;
  std::atomic<bool> ok{true};
  std::atomic<int> inside{0};
  countdown done{1};
  auto a =
      spawn_lean<scripted>(t.sys, &t.loops().loop(0), [&](scripted& self, caf::mailbox_element& m) {
        if (inside.fetch_add(1) != 0) ok = false;
        if (here != nullptr && &self.loop() != here) ok = false;
        here = &self.loop();
        const auto* x = payload<numbered>(m);
        if (x == nullptr || expected[x->sender]++ != x->number) ok = false;
        if (++total % 37 == 0) {
          here = &t.loops().loop(static_cast<unsigned>((total / 37) % loops));
          self.move_home(*here);
        }
        if (total == senders * each) done.hit();
        inside.fetch_sub(1);
      });
  std::vector<std::thread> threads;
  for (unsigned s = 0; s < senders; ++s)
    threads.emplace_back([&, s] {
      for (std::uint64_t i = 0; i < each; ++i) {
        if (s == 0) {
          // One of the senders is a loop.
          t.loops().loop(1).post([&, i] { caf::anon_send(a, numbered{0, i}); });
          if (i % 512 == 0) std::this_thread::yield();
        } else {
          caf::anon_send(a, numbered{s, i});
        }
      }
    });
  for (auto& x : threads) x.join();
  CHECK(done.wait());
  CHECK(ok);
}

TEST_CASE("an actor without a home runs where it is woken", "[lean_actor]") {
  threaded_system t{2};
  countdown done{2};
  std::atomic<bool> ok{true};
  auto floating =
      spawn_lean<scripted>(t.sys, nullptr, [&](scripted& self, caf::mailbox_element& m) {
        const auto* x = payload<numbered>(m);
        if (x == nullptr || self.loop().index() != x->sender) ok = false;
        done.hit();
      });
  for (unsigned i = 0; i < 2; ++i) {
    auto waker = spawn_lean<scripted>(t.sys, &t.loops().loop(i),
                                      [&, i](scripted& self, caf::mailbox_element&) {
                                        self.send(floating, numbered{i, 0});
                                        self.quit(caf::exit_reason::normal);
                                      });
    caf::anon_send(waker, caf::ok_atom_v);
    // One after the other: both at once may share one run.
    CHECK(eventually([&] { return waker->getf(caf::abstract_actor::is_terminated_flag); }));
    CHECK(eventually([&] {
      std::size_t n = 0;
      for (unsigned k = 0; k < 2; ++k)
        for (const auto& row : t.loops().table(k).rows(10)) n += row.messages_handled;
      return n >= i + 1;
    }));
  }
  CHECK(done.wait());
  CHECK(ok);
}

TEST_CASE("an idle actor handles a passed message inside of its sender", "[lean_actor]") {
  threaded_system t{2};
  std::vector<std::string> heard;
  std::vector<bool> claimed;
  countdown done{1};
  const auto pass = [](scripted& self, const caf::actor& to) {
    const auto handle = caf::actor_cast<caf::strong_actor_ptr>(to);
    auto* receiver = lean_actor::from(handle);
    if (receiver == nullptr || !receiver->claim(self.loop())) return false;
    auto word = numbered{7, 1};
    caf::mailbox_element_view<numbered> passing(nullptr, caf::make_message_id(), {}, word);
    self.loop().run_claimed(*receiver, passing);
    return true;
  };
  caf::actor outer;
  auto inner = spawn_lean<scripted>(
      t.sys, &t.loops().loop(0), [&](scripted& self, caf::mailbox_element& m) {
        heard.push_back(payload<numbered>(m) != nullptr ? "passed" : "queued");
        if (heard.back() == "queued") return self.quit(caf::exit_reason::normal);
        claimed.push_back(pass(self, outer));  // which is at work
      });
  auto elsewhere = spawn_lean<scripted>(t.sys, &t.loops().loop(1),
                                        [](scripted&, caf::mailbox_element&) {});
  outer = spawn_lean<scripted>(t.sys, &t.loops().loop(0),
                               [&](scripted& self, caf::mailbox_element&) {
                                 claimed.push_back(pass(self, inner));
                                 heard.push_back("returned");
                                 self.send(inner, caf::ok_atom_v);
                                 // A message waits: what is passed now must not overtake it.
                                 claimed.push_back(pass(self, inner));
                                 claimed.push_back(pass(self, elsewhere));
                                 done.hit();
                               });
  caf::anon_send(outer, caf::ok_atom_v);
  REQUIRE(done.wait());
  REQUIRE(eventually([&] { return inner->getf(caf::abstract_actor::is_terminated_flag); }));
  CHECK(heard == std::vector<std::string>{"passed", "returned", "queued"});
  CHECK(claimed == std::vector<bool>{false, true, false, false});
  CHECK_FALSE(lean_actor::from(caf::actor_cast<caf::strong_actor_ptr>(inner))
                  ->claim(t.loops().loop(0)));
  const auto* handled = lean_actor::from(caf::actor_cast<caf::strong_actor_ptr>(inner));
  CHECK(handled->messages_handled() == 2);
  CHECK(handled->mailbox_depth() == 0);
  outer = nullptr;
}

TEST_CASE("an actor that moves is claimed only where it is at home", "[lean_actor]") {
  constexpr unsigned loops = 3;
  constexpr std::uint64_t each = 20'000;
  threaded_system t{loops};
  std::vector<std::uint64_t> expected(loops, 0);
  std::uint64_t total = 0;  // not atomic: TSan would see two threads at once
  std::atomic<bool> ok{true};
  std::atomic<int> inside{0};
  std::atomic<std::uint64_t> claimed{0};
  countdown done{1};
  auto mover =
      spawn_lean<scripted>(t.sys, &t.loops().loop(0), [&](scripted& self, caf::mailbox_element& m) {
        if (inside.fetch_add(1) != 0) ok = false;
        const auto* x = payload<numbered>(m);
        if (x == nullptr || expected[x->sender]++ != x->number) ok = false;
        if (!self.loop().is_current()) ok = false;
        if (++total % 5 == 0) self.move_home(t.loops().loop(static_cast<unsigned>(total / 5 % loops)));
        if (total == loops * each) done.hit();
        inside.fetch_sub(1);
      });
  const auto handle = caf::actor_cast<caf::strong_actor_ptr>(mover);
  const auto pass = [&](numbered word) {
    auto& here = *run_loop::current();
    auto* receiver = lean_actor::from(handle);
    if (!receiver->claim(here)) return caf::anon_send(mover, word);
    ++claimed;
    caf::mailbox_element_view<numbered> passing(nullptr, caf::make_message_id(), {}, word);
    here.run_claimed(*receiver, passing);
  };
  countdown first{1};
  t.loops().loop(0).post([&] {
    pass({0, 0});
    first.hit();
  });
  REQUIRE(first.wait());
  CHECK(claimed == 1);
  // One at a time from each loop, so that it may be idle in between.
  std::function<void(unsigned, std::uint64_t)> step = [&](unsigned s, std::uint64_t i) {
    pass({s, i});
    if (i + 1 < each) t.loops().loop(s).post([&step, s, i] { step(s, i + 1); });
  };
  for (unsigned s = 0; s < loops; ++s)
    t.loops().loop(s).post([&step, s] { step(s, s == 0 ? 1 : 0); });
  CHECK(done.wait());
  CHECK(ok);
}

TEST_CASE("request and response with ordinary CAF actors", "[lean_actor]") {
  threaded_system t{2};
  auto doubling = [](scripted& self, caf::mailbox_element& m) {
    if (const auto* n = payload<std::int32_t>(m))
      self.reply(m, *n * 2);
    else if (const auto* text = payload<std::string>(m, caf::add_atom_v))
      self.reply(m, *text + "!");
    else
      self.reply(m, caf::make_error(caf::sec::unexpected_message));
  };
  auto server = spawn_lean<scripted>(t.sys, &t.loops().loop(0), doubling);
  caf::scoped_actor self{t.sys};
  SECTION("from a blocking actor") {
    self->request(server, patience, std::int32_t{21})
        .receive([](std::int32_t x) { CHECK(x == 42); }, [](caf::error&) { FAIL(); });
    self->request(server, patience, caf::add_atom_v, std::string{"hey"})
        .receive([](const std::string& x) { CHECK(x == "hey!"); }, [](caf::error&) { FAIL(); });
    self->request(server, patience, 1.5)
        .receive([](std::int32_t) { FAIL(); },
                 [](caf::error& e) { CHECK(e == caf::sec::unexpected_message); });
  }
  SECTION("an event-based actor asks") {
    auto client = t.sys.spawn([=](caf::event_based_actor* x) -> caf::behavior {
      return {[=](std::int32_t n) {
        auto promise = x->make_response_promise();
        x->request(server, patience, n).then([=](std::int32_t y) mutable { promise.deliver(y); });
        return promise;
      }};
    });
    self->request(client, patience, std::int32_t{4})
        .receive([](std::int32_t x) { CHECK(x == 8); }, [](caf::error&) { FAIL(); });
    caf::anon_send_exit(client, caf::exit_reason::user_shutdown);
  }
  SECTION("a lean actor asks an event-based actor") {
    auto adder = t.sys.spawn([](caf::event_based_actor*) -> caf::behavior {
      return {[](std::int32_t n) { return n + 1; }};
    });
    caf::message_id awaited;
    std::atomic<std::int32_t> answer{0};
    countdown done{1};
    auto client =
        spawn_lean<scripted>(t.sys, &t.loops().loop(1), [&](scripted& x, caf::mailbox_element& m) {
          const auto* n = payload<std::int32_t>(m);
          if (n == nullptr) return;
          if (!m.mid.is_response()) {
            awaited = x.request(adder, *n);
          } else if (m.mid == awaited) {
            answer = *n;
            done.hit();
          }
        });
    caf::anon_send(client, std::int32_t{9});
    CHECK(done.wait());
    CHECK(answer == 10);
    caf::anon_send_exit(adder, caf::exit_reason::user_shutdown);
  }
  SECTION("a request to an actor that has ended bounces") {
    caf::anon_send_exit(server, caf::exit_reason::user_shutdown);
    self->request(server, patience, std::int32_t{1})
        .receive([](std::int32_t) { FAIL(); },
                 [](caf::error& e) { CHECK(e == caf::sec::request_receiver_down); });
  }
}

TEST_CASE("monitors and links learn how a lean actor ended", "[lean_actor]") {
  std::atomic<int> reported{0};
  runtime_options options;
  options.on_failure = [&](const failure& x) {
    if (x.where == "scripted" && x.sentence == "broken") ++reported;
  };
  threaded_system t{2, options};
  caf::scoped_actor self{t.sys};
  auto victim =
      spawn_lean<scripted>(t.sys, &t.loops().loop(1), [](scripted& x, caf::mailbox_element& m) {
        const auto* n = payload<std::int32_t>(m);
        if (n != nullptr && *n == 0) throw std::runtime_error("broken");
        x.quit(caf::exit_reason::normal);
      });
  self->monitor(victim);
  SECTION("exception") {
    countdown down{1};
    auto watcher =
        spawn_lean<scripted>(t.sys, &t.loops().loop(0), [&](scripted& x, caf::mailbox_element& m) {
          if (payload<std::int32_t>(m) != nullptr) x.monitor(victim);
          if (payload<caf::down_msg>(m) != nullptr) down.hit();
          x.reply(m, caf::ok_atom_v);
        });
    self->request(watcher, patience, std::int32_t{1})
        .receive([](caf::ok_atom) {}, [](caf::error&) { FAIL(); });
    caf::anon_send(victim, std::int32_t{0});
    self->receive([&](caf::down_msg& x) {
      CHECK(x.source == victim);
      CHECK(x.reason == caf::sec::runtime_error);
    });
    CHECK(down.wait());
    CHECK(reported == 1);
  }
  SECTION("normal exit") {
    caf::anon_send(victim, std::int32_t{1});
    self->receive([&](caf::down_msg& x) { CHECK(!x.reason); });
  }
  SECTION("exit message") {
    caf::anon_send_exit(victim, caf::exit_reason::kill);
    self->receive([&](caf::down_msg& x) { CHECK(x.reason == caf::exit_reason::kill); });
  }
  SECTION("link") {
    auto linked = spawn_lean<scripted>(t.sys, nullptr, [](scripted&, caf::mailbox_element&) {});
    self->monitor(linked);
    caf::actor_cast<caf::abstract_actor*>(linked)->add_link(
        caf::actor_cast<caf::abstract_actor*>(victim));
    caf::anon_send_exit(linked, caf::exit_reason::user_shutdown);
    int downs = 0;
    self->receive_while([&] { return downs < 2; })([&](caf::down_msg& x) {
      ++downs;
      CHECK(x.reason == caf::exit_reason::user_shutdown);
    });
  }
  CHECK(eventually([&] { return t.loops().table(1).size() == 0; }));
}

TEST_CASE("an unreachable actor ends and tells its monitor", "[lean_actor]") {
  threaded_system t{1};
  caf::scoped_actor self{t.sys};
  auto a = spawn_lean<scripted>(t.sys, nullptr, [](scripted&, caf::mailbox_element&) {});
  self->monitor(a);
  CHECK(t.loops().table(0).size() == 1);
  CHECK(t.loops().table(0).find(a.id()) == a);
  a = nullptr;
  self->receive([](caf::down_msg& x) { CHECK(x.reason == caf::exit_reason::unreachable); });
  CHECK(t.loops().table(0).size() == 0);
}

TEST_CASE("the system ends with actors in cycles and messages in flight", "[lean_actor]") {
  std::atomic<int> exits{0};
  {
    threaded_system t{3};
    std::vector<caf::actor> ring;
    for (unsigned i = 0; i < 30; ++i) {
      auto next = ring.empty() ? caf::actor{} : ring.back();
      ring.push_back(spawn_lean<scripted>(t.sys, &t.loops().loop(i % 3),
                                          [next](scripted& self, caf::mailbox_element& m) mutable {
                                            if (auto* a = payload<caf::actor>(m)) next = *a;
                                            if (const auto* n = payload<numbered>(m))
                                              self.send(next, numbered{0, n->number + 1});
                                          }));
      auto* x = static_cast<scripted*>(caf::actor_cast<caf::abstract_actor*>(ring.back()));
      x->exited = [&](const caf::error&) { ++exits; };
    }
    caf::anon_send(ring.front(), ring.back());
    for (std::uint64_t i = 0; i < 10; ++i) caf::anon_send(ring.front(), numbered{0, i});
  }
  CHECK(exits == 30);
}
