#include "actors/runtime/run_loop.hpp"

#include "tests/support/catch.hpp"
#include "tests/unit/runtime/runtime_fixture.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <caf/actor_ostream.hpp>
#include <caf/actor_system.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>

#include <atomic>
#include <memory>
#include <set>
#include <stdexcept>
#include <vector>

using namespace troupe::runtime;
using namespace troupe::runtime::test;

TEST_CASE("an actor system starts and ends at once", "[run_loop]") {
  for (int i = 0; i < 20; ++i) {
    threaded_system t{2};
    CHECK(t.loops().loops() == 2);
    CHECK(run_loop::current() == nullptr);
  }
}

TEST_CASE("the printer, delayed messages and request time-outs of CAF work", "[run_loop]") {
  threaded_system t{2};
  caf::scoped_actor self{t.sys};
  caf::aout(self) << "";
  self->delayed_send(self, std::chrono::milliseconds{20}, std::int32_t{7});
  bool got = false;
  self->receive([&](std::int32_t x) { got = x == 7; },
                caf::after(std::chrono::seconds{30}) >> [] {});
  CHECK(got);
  auto silent = t.sys.spawn([](caf::event_based_actor* x) -> caf::behavior {
    return {[=](double) { return x->make_response_promise(); }};
  });
  auto asking = t.sys.spawn([=](caf::event_based_actor* x) -> caf::behavior {
    return {[=](caf::get_atom) {
      auto promise = x->make_response_promise();
      x->request(silent, std::chrono::milliseconds{20}, 1.0)
          .then([=](double) mutable { promise.deliver(false); },
                [=](caf::error& e) mutable { promise.deliver(e == caf::sec::request_timeout); });
      return promise;
    }};
  });
  self->request(asking, std::chrono::seconds{30}, caf::get_atom_v)
      .receive([](bool timed_out) { CHECK(timed_out); }, [](caf::error&) { FAIL(); });
  caf::anon_send_exit(asking, caf::exit_reason::user_shutdown);
  caf::anon_send_exit(silent, caf::exit_reason::user_shutdown);
}

TEST_CASE("posts run on the loop, in order, and an exception harms nobody", "[run_loop]") {
  std::atomic<int> failures{0};
  runtime_options options;
  options.on_failure = [&](const failure&) { ++failures; };
  threaded_system t{2, options};
  auto& loop = t.loops().loop(1);
  std::vector<int> order;
  countdown done{1};
  loop.post([] { throw std::runtime_error("posted"); });
  for (int i = 0; i < 100; ++i)
    loop.post([&, i] {
      if (loop.is_current()) order.push_back(i);
      if (i == 99) done.hit();
    });
  CHECK(done.wait());
  CHECK(order.size() == 100);
  CHECK(std::is_sorted(order.begin(), order.end()));
  CHECK(failures == 1);
  CHECK(loop.stats().failures.get() == 1);
}

namespace {

struct noted : flushable {
  explicit noted(std::vector<std::string>& x) : notes(x) {}
  void flush_turn() override { notes.push_back("flush"); }
  std::vector<std::string>& notes;
};

}  // namespace

TEST_CASE("a turn ends with flushes, then deferred work, then destruction", "[run_loop]") {
  manual_system t{1};
  std::vector<std::string> notes;
  noted kept{notes};
  auto dead = std::make_unique<noted>(notes);
  struct goodbye {
    std::vector<std::string>& notes;
    ~goodbye() { notes.push_back("destroyed"); }
  };
  auto& loop = t.loops().loop(0);
  loop.post([&] {
    loop.destroy_later(std::unique_ptr<goodbye>(new goodbye{notes}));
    loop.defer([&] { notes.push_back("deferred"); });
    loop.flush_later(kept);
    loop.flush_later(kept);
    loop.flush_later(*dead);
    dead.reset();
    CHECK(kept.flush_queued());
    CHECK(loop.scratch().size() == 65536);
    notes.push_back("post");
  });
  t.run();
  CHECK(notes == std::vector<std::string>{"post", "flush", "deferred", "destroyed"});
  CHECK_FALSE(kept.flush_queued());
}

namespace {

struct periodic : timer_entry {
  explicit periodic(run_loop& x) : loop(x) {}
  void on_timer() override {
    fired_at.push_back(loop.now());
    loop.timers().schedule(*this, loop.now() + 1000);
  }
  run_loop& loop;
  std::vector<std::int64_t> fired_at;
};

}  // namespace

TEST_CASE("timers follow the manual clock", "[run_loop]") {
  manual_system t{2};
  auto& loop = t.loops().loop(1);
  periodic x{loop};
  const auto start = t.time.steady_ms();
  loop.timers().schedule(x, start + 1000);
  t.advance(500);
  CHECK(x.fired_at.empty());
  for (int i = 0; i < 40; ++i) t.advance(100);
  CHECK(x.fired_at.size() == 4);
  t.time.set_wall(5);
  loop.post([&] { CHECK(loop.wall() == 5); });
  t.run();
  loop.timers().cancel(x);
}

TEST_CASE("CAF's delays follow the manual clock", "[run_loop]") {
  manual_system t{2};
  int got = 0;
  auto a = spawn_lean<scripted>(t.sys, nullptr, [&](scripted&, caf::mailbox_element&) { ++got; });
  caf::delayed_anon_send(a, std::chrono::seconds{10}, caf::ok_atom_v);
  t.advance(9'999);
  CHECK(got == 0);
  t.advance(1);
  CHECK(got == 1);
}

namespace {

std::vector<unsigned> interleaving(std::uint64_t seed) {
  manual_system t{3, seed};
  std::vector<unsigned> order;
  std::vector<caf::actor> actors;
  for (unsigned i = 0; i < 12; ++i)
    actors.push_back(spawn_lean<scripted>(
        t.sys, i % 2 == 0 ? &t.loops().loop(i % 3) : nullptr,
        [&, i](scripted& self, caf::mailbox_element& m) {
          order.push_back(i);
          const auto* x = payload<numbered>(m);
          if (x->number > 0)
            self.send(actors[(i * 7 + 3) % actors.size()], numbered{i, x->number - 1});
        }));
  for (auto& a : actors) caf::anon_send(a, numbered{0, 20});
  t.run();
  actors.clear();
  return order;
}

}  // namespace

TEST_CASE("one seed is one interleaving", "[run_loop]") {
  const auto first = interleaving(1);
  CHECK(first.size() == 12 * 21);
  CHECK(interleaving(1) == first);
  std::set<std::vector<unsigned>> different{first};
  for (std::uint64_t seed = 2; seed < 12; ++seed) different.insert(interleaving(seed));
  CHECK(different.size() == 11);
}

TEST_CASE("sockets and actors share a loop", "[run_loop]") {
  using boost::asio::ip::tcp;
  threaded_system t{2};
  auto& loop = t.loops().loop(1);
  struct echo {
    explicit echo(boost::asio::io_context& io)
        : acceptor(io, {boost::asio::ip::address_v4::loopback(), 0}), peer(io), client(io) {}
    tcp::acceptor acceptor;
    tcp::socket peer;
    tcp::socket client;
    std::array<char, 4> in{};
    std::array<char, 4> back{};
  };
  countdown done{1};
  std::shared_ptr<echo> x;
  auto a = spawn_lean<scripted>(t.sys, &loop, [&](scripted&, caf::mailbox_element& m) {
    if (const auto* text = payload<std::string>(m))
      boost::asio::async_write(x->peer, boost::asio::buffer(*text), [](auto, auto) {});
    boost::asio::async_read(x->client, boost::asio::buffer(x->back), [&](auto error, auto) {
      if (!error && loop.is_current() && std::string(x->back.data(), 4) == "ping") done.hit();
    });
  });
  loop.post([&] {
    x = std::make_shared<echo>(loop.io());
    x->acceptor.async_accept(x->peer, [&](auto) {
      boost::asio::async_read(x->peer, boost::asio::buffer(x->in),
                              [&](auto, auto) { caf::anon_send(a, std::string(x->in.data(), 4)); });
    });
    x->client.async_connect(x->acceptor.local_endpoint(), [&](auto) {
      boost::asio::async_write(x->client, boost::asio::buffer("ping", 4), [](auto, auto) {});
    });
  });
  CHECK(done.wait());
  countdown closed{1};
  loop.post([&] {
    x.reset();
    closed.hit();
  });
  CHECK(closed.wait());
  CHECK(loop.stats().io_events.get() > 0);
  CHECK(loop.stats().messages.get() >= 1);
  CHECK(loop.stats().turns.get() > 0);
}
