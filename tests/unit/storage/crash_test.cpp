#include "tests/unit/storage/store_fixture.hpp"

#include <atomic>
#include <cstdlib>
#include <fcntl.h>
#include <map>
#include <signal.h>
#include <sys/wait.h>
#include <thread>

namespace troupe::storage {
namespace {

using namespace test;

constexpr const char* directory_variable = "TROUPE_STORE_CRASH_DIRECTORY";
constexpr const char* round_variable = "TROUPE_STORE_CRASH_ROUND";

std::string payload_of(std::uint64_t round, std::uint64_t number) {
  return std::to_string(round) + "/" + std::to_string(number);
}

/// The process that gets killed: commits without end, and tells on standard
/// output the number of each transaction whose callback said ok. Every third
/// message is shared by two sessions, and the first of those settled at once.
TEST_CASE("store crash victim", "[.victim]") {
  const char* directory = std::getenv(directory_variable);
  const char* round_text = std::getenv(round_variable);
  REQUIRE(directory);
  REQUIRE(round_text);
  const std::uint64_t round = std::strtoull(round_text, nullptr, 10);
  store_options options;
  options.directory = directory;
  options.shards = 4;
  auto opened = open_store(options);
  if (!opened.store) ::_exit(3);
  auto& store = *opened.store;
  const auto log = static_cast<shard_id>(2);
  auto offset = store.next_offset(log);
  for (std::uint64_t number = 1;; ++number, ++offset) {
    const log_position at{log, offset};
    const bool shared = number % 3 == 0;
    transaction writes;
    const auto body = text("t", payload_of(round, number));
    if (shared) {
      writes.append(at, *body, 2);
      writes.owe(session(1, 1), terms_of(), at);
      writes.owe(session(1, 2), terms_of(), at);
    } else {
      writes.owe(session(1, 1), terms_of(), *body, at);
    }
    store.commit(std::move(writes), [&store, number, shared, at](const commit_result& result) {
      if (!result.ok) ::_exit(4);
      if (::write(STDOUT_FILENO, &number, sizeof number) != sizeof number) ::_exit(5);
      if (!shared) return;
      transaction settle;
      settle.settle(session(1, 2), shared_place(result, 1, at));
      store.commit(std::move(settle), nullptr);
    });
    while (store.current().backlog_bytes > 1 << 20) ::usleep(100);
  }
}

/// Runs a victim, kills it after `acknowledged` callbacks; the last of them.
std::uint64_t kill_after(const std::string& directory, std::uint64_t round,
                         std::uint64_t acknowledged) {
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  const auto child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::dup2(ends[1], STDOUT_FILENO);
    ::setenv(directory_variable, directory.c_str(), 1);
    ::setenv(round_variable, std::to_string(round).c_str(), 1);
    ::execl("/proc/self/exe", "test_storage", "store crash victim", static_cast<char*>(nullptr));
    ::_exit(6);
  }
  ::close(ends[1]);
  std::uint64_t last = 0;
  std::uint64_t number = 0;
  bool killed = false;
  // What it said before it died counts to the last byte.
  while (::read(ends[0], &number, sizeof number) == sizeof number) {
    if (number > last) last = number;
    if (last >= acknowledged && !killed) {
      killed = true;
      ::kill(child, SIGKILL);
    }
  }
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  INFO("the victim ended with status " << status);
  REQUIRE(killed);
  return last;
}

TEST_CASE("what was acknowledged is there after kill -9, in order and once", "[store][crash]") {
  const temporary_directory place;
  std::vector<std::uint64_t> acknowledged;
  for (std::uint64_t round = 0; round < 5; ++round) {
    acknowledged.push_back(kill_after(place.store(), round, 500 + round * 1777));
  }
  store_options options;
  options.directory = place.store();
  options.shards = 4;
  auto opened = open_store(options);
  INFO(opened.error);
  REQUIRE(opened.store);
  std::map<std::uint64_t, std::uint64_t> last_of_round;
  order_no last = 0;
  bool in_order = true;
  for (bool end = false; !end;) {
    std::optional<owed_page> page;
    std::atomic<bool> answered{false};
    opened.store->read_owed(session(1, 1), last, 1000, 1 << 20, [&](owed_page got) {
      page = std::move(got);
      answered = true;
    });
    REQUIRE(eventually([&] { return answered.load(); }));
    for (const auto& message : page->messages) {
      const std::string payload(message.body->payload());
      const auto round = std::stoull(payload);
      const auto number = std::stoull(payload.substr(payload.find('/') + 1));
      in_order = in_order && message.place.order > last && number == last_of_round[round] + 1;
      last_of_round[round] = number;
      last = message.place.order;
    }
    end = page->end;
  }
  CHECK(in_order);
  for (std::uint64_t round = 0; round < acknowledged.size(); ++round) {
    CHECK(last_of_round[round] >= acknowledged[round]);
  }
}

/// A disk that can be full, or broken for a while.
class failing_disk : public rocksdb::EnvWrapper {
 public:
  using EnvWrapper::EnvWrapper;
  const char* Name() const override { return "failing_disk"; }

  rocksdb::Status NewWritableFile(const std::string& name,
                                  std::unique_ptr<rocksdb::WritableFile>* result,
                                  const rocksdb::EnvOptions& options) override {
    std::unique_ptr<rocksdb::WritableFile> file;
    if (auto status = EnvWrapper::NewWritableFile(name, &file, options); !status.ok()) {
      return status;
    }
    *result = std::make_unique<guarded_file>(std::move(file), *this);
    return rocksdb::Status::OK();
  }

  /// The first thing of a database that is opened: it takes until `slow` is false again.
  rocksdb::Status LockFile(const std::string& name, rocksdb::FileLock** lock) override {
    if (slow) {
      opening = true;
      slow.wait(true);
    }
    return EnvWrapper::LockFile(name, lock);
  }

  std::atomic<bool> full{false};
  std::atomic<bool> slow{false};
  std::atomic<bool> opening{false};
  bool broken = false;  // rather than full

 private:
  rocksdb::Status error() const {
    return broken ? rocksdb::Status::IOError("Input/output error")
                  : rocksdb::Status::NoSpace("No space left on device");
  }

  class guarded_file : public rocksdb::WritableFileWrapper {
   public:
    guarded_file(std::unique_ptr<rocksdb::WritableFile> file, const failing_disk& disk)
        : WritableFileWrapper(file.get()), file_(std::move(file)), disk_(disk) {}
    rocksdb::Status Append(const rocksdb::Slice& data) override {
      return disk_.full ? disk_.error() : WritableFileWrapper::Append(data);
    }
    rocksdb::Status Append(const rocksdb::Slice& data,
                           const rocksdb::DataVerificationInfo& info) override {
      return disk_.full ? disk_.error() : WritableFileWrapper::Append(data, info);
    }

   private:
    std::unique_ptr<rocksdb::WritableFile> file_;
    const failing_disk& disk_;
  };
};

TEST_CASE("a disk that fails is told in a sentence and heals by itself", "[store][disk]") {
  const temporary_directory place;
  failing_disk disk(rocksdb::Env::Default());
  disk.broken = GENERATE(false, true);
  CAPTURE(disk.broken);
  store_options options;
  options.directory = place.store();
  options.shards = 4;
  options.env = &disk;
  const auto log = static_cast<shard_id>(0);
  std::atomic<std::uint64_t> offset{0};
  {
    auto opened = open_store(options);
    INFO(opened.error);
    REQUIRE(opened.store);
    auto& store = *opened.store;
    const auto commit = [&] {
      auto answer = std::make_shared<std::optional<commit_result>>();
      auto answered = std::make_shared<std::atomic<bool>>(false);
      // Large, so that it takes a place in the log.
      store.commit(sole_message(session(0, 1), {log, ++offset}, std::string(20'000, 'x')),
                   [answer, answered](const commit_result& result) {
                     *answer = result;
                     *answered = true;
                   });
      REQUIRE(eventually([&] { return answered->load(); }));
      return **answer;
    };
    REQUIRE(commit().ok);
    disk.full = true;
    const auto refused = commit();
    CHECK_FALSE(refused.ok);
    CHECK(refused.error.find(disk.broken ? "Input/output" : "No space left") != std::string::npos);
    CHECK_FALSE(store.current().writable);
    CHECK_FALSE(commit().ok);
    disk.full = false;
    CHECK(eventually([&] { return store.current().writable; }));
    CHECK(commit().ok);
    std::atomic<std::size_t> found{0};
    store.read_owed(session(0, 1), 0, 100, 1 << 20,
                    [&](owed_page page) { found = page.messages.size(); });
    CHECK(eventually([&] { return found == 2; }));
  }
  auto again = open_store(options);
  INFO(again.error);
  REQUIRE(again.store);
  CHECK(again.store->next_offset(log) == offset + 1);
}

TEST_CASE("while the store is opened anew its figures do not wait", "[store][disk]") {
  const temporary_directory place;
  failing_disk disk(rocksdb::Env::Default());
  disk.broken = true;
  store_options options;
  options.directory = place.store();
  options.shards = 4;
  options.env = &disk;
  auto opened = open_store(options);
  INFO(opened.error);
  REQUIRE(opened.store);
  auto& store = *opened.store;
  disk.full = true;
  disk.slow = true;
  std::atomic<bool> refused{false};
  store.commit(sole_message(session(0, 1), {static_cast<shard_id>(0), 1}, std::string(20'000, 'x')),
               [&](const commit_result& result) { refused = !result.ok; });
  CHECK(eventually([&] { return refused.load(); }));
  CHECK(eventually([&] { return disk.opening.load(); }));
  // Run loops ask: they must not stand still for as long as a disk takes.
  std::atomic<bool> told{false};
  std::thread asks([&] { told = !store.current().writable; });
  CHECK(eventually([&] { return told.load(); }));
  disk.full = false;
  disk.slow = false;
  disk.slow.notify_all();
  asks.join();
  CHECK(eventually([&] { return store.current().writable; }));
}

TEST_CASE("with fsync the store answers as well", "[store][disk]") {
  const temporary_directory place;
  store_options options;
  options.directory = place.store();
  options.durability = durability::fsync;
  auto opened = open_store(options);
  REQUIRE(opened.store);
  std::atomic<int> done{0};
  for (std::uint64_t i = 1; i <= 50; ++i) {
    opened.store->commit(sole_message(session(0, 1), {static_cast<shard_id>(0), i}, "x"),
                         [&](const commit_result& result) { done += result.ok ? 1 : 0; });
  }
  CHECK(eventually([&] { return done == 50; }));
}

}  // namespace
}  // namespace troupe::storage
