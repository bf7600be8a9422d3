#pragma once

#include "storage/store.hpp"

#include <functional>
#include <utility>

namespace troupe::broker::test {

/// A store whose reads fail while it is told so.
class faulty_store final : public storage::store {
 public:
  explicit faulty_store(storage::store& real) : real_(real) {}

  bool reads_fail = false;

  void commit(storage::transaction writes, committed done) override {
    real_.commit(std::move(writes), std::move(done));
  }
  void read_owed(session_id id, storage::order_no after, std::uint32_t max_count,
                 std::uint64_t max_bytes,
                 std::function<void(storage::owed_page)> done) override {
    if (!reads_fail) return real_.read_owed(id, after, max_count, max_bytes, std::move(done));
    storage::owed_page page;
    page.end = false;
    page.failed = true;
    done(std::move(page));
  }
  void read_contents(session_id id,
                     std::function<void(storage::session_contents)> done) override {
    if (!reads_fail) return real_.read_contents(id, std::move(done));
    storage::session_contents contents;
    contents.failed = true;
    done(std::move(contents));
  }
  void read_contents(session_id id, storage::order_no through,
                     std::function<void(storage::session_contents)> done) override {
    if (!reads_fail) return real_.read_contents(id, through, std::move(done));
    storage::session_contents contents;
    contents.failed = true;
    done(std::move(contents));
  }
  void read_one(session_id id, storage::order_no order,
                std::function<void(std::optional<storage::owed_message>)> done) override {
    real_.read_one(id, order, std::move(done));
  }
  void read_retained(std::string filter, std::string cursor, std::uint32_t max_count,
                     std::int64_t now_ms,
                     std::function<void(storage::retained_page)> done) override {
    if (!reads_fail)
      return real_.read_retained(std::move(filter), std::move(cursor), max_count, now_ms,
                                 std::move(done));
    storage::retained_page page;
    page.failed = true;
    done(std::move(page));
  }
  void each_session(shard_id shard,
                    const std::function<void(storage::session_record)>& visit) override {
    real_.each_session(shard, visit);
  }
  void each_subscription(
      shard_id shard,
      const std::function<void(session_id, storage::subscription_record)>& visit) override {
    real_.each_subscription(shard, visit);
  }
  std::uint64_t next_offset(shard_id shard) override { return real_.next_offset(shard); }
  std::uint64_t next_session_count(shard_id shard) override {
    return real_.next_session_count(shard);
  }
  std::uint16_t shards() const override { return real_.shards(); }
  figures current() const override { return real_.current(); }
  std::uint64_t backlog_bytes() const noexcept override { return real_.backlog_bytes(); }
  void close() override { real_.close(); }

 private:
  storage::store& real_;
};

}  // namespace troupe::broker::test
