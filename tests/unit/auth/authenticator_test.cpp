#include "protocol/auth/password_authenticator.hpp"
#include "tests/support/catch.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <future>
#include <iostream>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

using namespace troupe::auth;
using troupe::mqtt::reason_code;
using namespace std::chrono_literals;

namespace {

std::shared_ptr<const password_file> file_with(const std::string& user, const std::string& password,
                                               std::uint32_t iterations = 1000) {
  const auto made = make_password_hash(password, iterations);
  auto file = password_file::parse(user + ":" + made->to_text() + "\n", "test");
  REQUIRE(file);
  return file.value;
}

std::shared_ptr<password_workers> workers(std::size_t threads = 1, std::size_t limit = 8) {
  return std::make_shared<password_workers>(threads, limit);
}

credentials named(const std::string& user, const std::string& password) {
  credentials shown;
  shown.client_id = "c";
  shown.username = user;
  shown.password = password;
  return shown;
}

verdict ask(authenticator& with, credentials shown) {
  auto answer = std::make_shared<std::promise<verdict>>();
  auto future = answer->get_future();
  with.authenticate(std::move(shown), [answer](verdict v) { answer->set_value(std::move(v)); });
  REQUIRE(future.wait_for(30s) == std::future_status::ready);
  return future.get();
}

/// Keeps a worker busy until opened.
class gate {
 public:
  void wait() {
    std::unique_lock lock(guard_);
    ++waiting_;
    changed_.notify_all();
    changed_.wait_for(lock, 30s, [this] { return open_; });
  }
  bool reached() {
    std::unique_lock lock(guard_);
    return changed_.wait_for(lock, 30s, [this] { return waiting_ > 0; });
  }
  void open() {
    std::lock_guard lock(guard_);
    open_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex guard_;
  std::condition_variable changed_;
  int waiting_ = 0;
  bool open_ = false;
};

}  // namespace

TEST_CASE("passwords decide when there is a file", "[auth]") {
  password_authenticator subject({}, workers(), file_with("ann", "right"));
  const verdict good = ask(subject, named("ann", "right"));
  CHECK(good.accepted);
  CHECK(good.reason == reason_code::success);
  CHECK(good.username == "ann");
  for (const auto& [user, password] : {std::pair("ann", "guess1"), std::pair("ben", "guess2")}) {
    const verdict bad = ask(subject, named(user, password));
    CHECK_FALSE(bad.accepted);
    CHECK(bad.reason == reason_code::bad_user_name_or_password);
    CHECK(bad.why.find(password) == std::string::npos);
    CHECK(bad.why.find(user) != std::string::npos);
  }
  credentials no_password = named("ann", "");
  no_password.password.reset();
  CHECK(ask(subject, no_password).reason == reason_code::bad_user_name_or_password);
}

TEST_CASE("anonymous clients connect as configured", "[auth]") {
  credentials far;
  credentials near;
  near.loopback = true;
  password_authenticator closed({anonymous_access::nobody}, workers(), nullptr);
  password_authenticator local({anonymous_access::loopback}, workers(), file_with("a", "b"));
  password_authenticator open({anonymous_access::everybody}, workers(), nullptr);
  CHECK(ask(closed, near).reason == reason_code::not_authorized);
  CHECK(ask(local, far).reason == reason_code::not_authorized);
  CHECK(ask(local, near).accepted);
  CHECK(ask(local, near).username.empty());
  CHECK(ask(open, far).accepted);
}

TEST_CASE("an unchecked user name is no identity unless configured", "[auth]") {
  password_authenticator wary({anonymous_access::everybody}, workers(), nullptr);
  CHECK(ask(wary, named("root", "x")).username.empty());
  password_authenticator trusting({anonymous_access::everybody, true}, workers(), nullptr);
  CHECK(ask(trusting, named("root", "x")).username == "root");
  password_authenticator closed({anonymous_access::nobody, true}, workers(), nullptr);
  CHECK(ask(closed, named("root", "x")).reason == reason_code::bad_user_name_or_password);
}

TEST_CASE("a verified certificate names the user", "[auth]") {
  password_authenticator subject({anonymous_access::nobody}, workers(), file_with("a", "b"));
  credentials shown = named("other", "wrong");
  shown.certificate_name = "device-7";
  const verdict good = ask(subject, shown);
  CHECK(good.accepted);
  CHECK(good.username == "device-7");
}

TEST_CASE("a full queue is answered with server busy", "[auth]") {
  auto slow = workers(1, 1);
  gate block;
  REQUIRE(slow->submit([&](bool) { block.wait(); }));
  REQUIRE(block.reached());
  password_authenticator subject({}, slow, file_with("ann", "right"));
  std::promise<verdict> first;
  subject.authenticate(named("ann", "right"), [&](verdict v) { first.set_value(std::move(v)); });
  CHECK(slow->waiting() == 1);
  CHECK(ask(subject, named("ann", "right")).reason == reason_code::server_busy);
  block.open();
  CHECK(first.get_future().get().accepted);
}

TEST_CASE("work left at the end is answered, not lost", "[auth]") {
  auto slow = workers(1, 4);
  gate block;
  REQUIRE(slow->submit([&](bool) { block.wait(); }));
  REQUIRE(block.reached());
  std::promise<verdict> left;
  {
    password_authenticator subject({}, slow, file_with("ann", "right"));
    subject.authenticate(named("ann", "right"), [&](verdict v) { left.set_value(std::move(v)); });
  }
  // The destructor empties the queue before it waits for the busy worker.
  std::thread closing([&] { slow.reset(); });
  block.open();
  closing.join();
  const verdict answer = left.get_future().get();
  // Whichever came first: the check or the end.
  CHECK((answer.accepted || answer.reason == reason_code::server_shutting_down));
}

TEST_CASE("a reconnect is answered at once from the cache until a reload", "[auth]") {
  auto pool = workers(1, 1);
  password_authenticator subject({}, pool, file_with("ann", "right"));
  REQUIRE(ask(subject, named("ann", "right")).accepted);
  gate block;
  REQUIRE(pool->submit([&](bool) { block.wait(); }));
  REQUIRE(block.reached());
  bool answered = false;
  subject.authenticate(named("ann", "right"), [&](verdict v) { answered = v.accepted; });
  CHECK(answered);  // before the call returned, though the only worker is busy
  block.open();
  CHECK_FALSE(ask(subject, named("ann", "wrong")).accepted);
  subject.reload(file_with("ann", "changed"));
  CHECK_FALSE(ask(subject, named("ann", "right")).accepted);
  CHECK(ask(subject, named("ann", "changed")).accepted);
  subject.reload(nullptr);
  CHECK_FALSE(ask(subject, named("ann", "changed")).accepted);
}

TEST_CASE("the cache is bounded and forgets the oldest", "[auth]") {
  verified_cache cache(10);
  for (int i = 0; i < 1000; ++i) cache.remember("u" + std::to_string(i), "p", cache.generation());
  CHECK(cache.size() <= 10);
  CHECK(cache.knows("u999", "p"));
  CHECK_FALSE(cache.knows("u0", "p"));
  CHECK_FALSE(cache.knows("u999", "q"));
  // One text split in two ways is two things.
  cache.remember("ab", "c", cache.generation());
  CHECK_FALSE(cache.knows("a", "bc"));
  const auto before = cache.generation();
  cache.clear();
  cache.remember("late", "p", before);
  CHECK_FALSE(cache.knows("late", "p"));
  CHECK(cache.size() == 0);
  verified_cache none(0);
  none.remember("a", "b", none.generation());
  CHECK_FALSE(none.knows("a", "b"));
}

TEST_CASE("many threads may ask while the file is reloaded", "[auth]") {
  auto pool = workers(2, 1000);
  auto file = file_with("ann", "right", 10);
  password_authenticator subject({}, pool, file);
  std::atomic<int> accepted{0};
  std::atomic<int> answers{0};
  std::vector<std::thread> askers;
  for (int t = 0; t < 3; ++t) {
    askers.emplace_back([&] {
      for (int i = 0; i < 200; ++i) {
        subject.authenticate(named("ann", "right"), [&](verdict v) {
          if (v.accepted) ++accepted;
          ++answers;
        });
      }
    });
  }
  for (int i = 0; i < 50; ++i) subject.reload(file);
  for (auto& each : askers) each.join();
  pool.reset();  // not the last owner
  const auto deadline = std::chrono::steady_clock::now() + 30s;
  while (answers < 600 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  CHECK(answers == 600);
  CHECK(accepted == 600);
}

TEST_CASE("figure: one password check at the default cost", "[auth]") {
  const auto made = make_password_hash("right");
  REQUIRE(made);
  const auto start = std::chrono::steady_clock::now();
  CHECK(made->verify("right"));
  const std::chrono::duration<double, std::milli> spent = std::chrono::steady_clock::now() - start;
  std::cout << "PBKDF2-SHA-512, 210,000 iterations: " << spent.count() << " ms\n";
}
