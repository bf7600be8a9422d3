#pragma once

#include "storage/database.hpp"
#include "storage/rocks_store.hpp"
#include "tests/support/catch.hpp"

#include <rocksdb/env.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

namespace troupe::storage::test {

/// A store in memory that does nothing by itself; survives reopen().
class memory_store {
 public:
  explicit memory_store(std::uint16_t shards = 4, bool replicated = false)
      : env_(rocksdb::NewMemEnv(rocksdb::Env::Default())) {
    options.directory = "/store";
    options.shards = shards;
    options.replicated = replicated;
    options.threads = false;
    options.env = env_.get();
    options.report = [this](std::string_view sentence) { reports.emplace_back(sentence); };
    open();
  }

  void open() {
    auto opened = open_store(options);
    INFO(opened.error);
    REQUIRE(opened.store);
    store = std::move(opened.store);
  }
  void reopen() {
    store.reset();
    open();
  }
  void drain() {
    while (store->pump() > 0) {
    }
  }
  commit_result commit(transaction writes) {
    std::optional<commit_result> got;
    store->commit(std::move(writes), [&](const commit_result& result) { got = result; });
    drain();
    REQUIRE(got);
    return *got;
  }
  owed_page owed(session_id id, order_no after = 0, std::uint32_t count = 1000,
                 std::uint64_t bytes = 1 << 20) {
    std::optional<owed_page> got;
    store->read_owed(id, after, count, bytes, [&](owed_page page) { got = std::move(page); });
    drain();
    REQUIRE(got);
    return std::move(*got);
  }
  session_contents contents(session_id id) {
    std::optional<session_contents> got;
    store->read_contents(id, [&](session_contents value) { got = std::move(value); });
    drain();
    REQUIRE(got);
    return std::move(*got);
  }
  std::optional<owed_message> one(session_id id, order_no order) {
    bool answered = false;
    std::optional<owed_message> got;
    store->read_one(id, order, [&](std::optional<owed_message> value) {
      answered = true;
      got = std::move(value);
    });
    drain();
    REQUIRE(answered);
    return got;
  }
  /// Topics of all pages, in the order of the store.
  std::vector<std::string> retained(const std::string& filter, std::uint32_t page_size = 100,
                                    std::int64_t now = 1) {
    std::vector<std::string> topics;
    std::string cursor;
    do {
      std::optional<retained_page> got;
      store->read_retained(filter, cursor, page_size, now,
                           [&](retained_page page) { got = std::move(page); });
      drain();
      REQUIRE(got);
      REQUIRE_FALSE(got->failed);
      REQUIRE(got->messages.size() <= page_size);
      for (const auto& message : got->messages) topics.emplace_back(message.body->topic());
      cursor = got->next;
    } while (!cursor.empty());
    return topics;
  }

  store_options options;
  std::vector<std::string> reports;
  std::unique_ptr<rocks_store> store;

  rocksdb::Env& env() { return *env_; }

 private:
  struct env_holder {
    explicit env_holder(rocksdb::Env* from) : env(from) {}
    std::unique_ptr<rocksdb::Env> env;
    rocksdb::Env* get() const { return env.get(); }
    rocksdb::Env& operator*() const { return *env; }
  };
  env_holder env_;

 public:
  memory_store(const memory_store&) = delete;
  ~memory_store() { store.reset(); }
};

/// A directory on the disk that goes with its owner.
class temporary_directory {
 public:
  temporary_directory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "troupe-store-XXXXXX").string();
    REQUIRE(::mkdtemp(pattern.data()));
    path = pattern;
  }
  ~temporary_directory() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  temporary_directory(const temporary_directory&) = delete;
  std::string store() const { return path + "/data"; }
  std::string path;
};

/// Waits for a condition that another thread makes true.
template <class Condition>
bool eventually(Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

inline mqtt::message_ptr text(std::string_view topic, std::string_view payload,
                              std::int64_t expires_at = 0) {
  mqtt::message::fields fields;
  fields.topic = topic;
  fields.payload = payload;
  fields.level = mqtt::qos::at_least_once;
  fields.expires_at = expires_at;
  return mqtt::message::make(fields);
}

inline owed_terms terms_of(std::uint32_t size = 10) {
  owed_terms terms;
  terms.size = size;
  return terms;
}

inline session_id session(std::uint16_t shard, std::uint64_t count) {
  return {static_cast<shard_id>(shard), count};
}

/// One message to one session.
inline transaction sole_message(session_id to, log_position at, std::string_view payload) {
  transaction writes;
  writes.owe(to, terms_of(), *text("t", payload), at);
  return writes;
}

/// Where a message of a committed transaction stands: the only one of its run,
/// `nth` of the runs if all have one message.
inline stored_place place_of(const commit_result& result, std::uint64_t nth = 0) {
  stored_place place;
  place.order = result.first_order + nth;
  place.lone = true;
  return place;
}
inline stored_place shared_place(const commit_result& result, std::uint64_t nth, log_position at) {
  stored_place place;
  place.order = result.first_order + nth;
  place.body = body_place::shared;
  place.body_shard = at.shard;
  place.body_offset = at.offset;
  return place;
}

/// Records in a column family, counted by a look at the closed store's disk.
inline std::uint64_t records(memory_store& m, family which) {
  m.store.reset();
  std::uint64_t count = 0;
  {
    auto db = database::open(m.options);
    REQUIRE(db.value);
    for (database::range all(*db.value, which, {}, {}); all.valid(); all.next()) ++count;
  }
  m.open();
  return count;
}

}  // namespace troupe::storage::test
