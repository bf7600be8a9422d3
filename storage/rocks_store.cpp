#include "storage/rocks_store.hpp"

#include "storage/store_engine.hpp"
#include "storage/transaction_content.hpp"

#include <utility>

namespace troupe::storage {

rocks_store::opened rocks_store::open(store_options options) {
  auto db = database::open(options);
  if (!db.value) return {nullptr, std::move(db.error)};
  auto running = std::make_unique<engine>(std::move(options), std::move(db.value));
  if (auto error = running->start(); !error.empty()) return {nullptr, std::move(error)};
  return {std::unique_ptr<rocks_store>(new rocks_store(std::move(running))), {}};
}

rocks_store::opened open_store(store_options options) {
  return rocks_store::open(std::move(options));
}

rocks_store::rocks_store(std::unique_ptr<engine> running) : engine_(std::move(running)) {}
rocks_store::~rocks_store() = default;

void rocks_store::commit(transaction writes, committed done) {
  write_operations operations;
  if (writes.content_) {
    auto& content = *writes.content_;
    if (content.entry) [[unlikely]] {
      const auto shard = content.shard();
      content.entry->shard = shard ? number(*shard) : entry_head::mixed;
    }
    operations = std::move(static_cast<write_operations&>(content));
  }
  engine_->commit(std::move(operations), std::move(done));
}

void rocks_store::read_owed(session_id id, order_no after, std::uint32_t max_count,
                            std::uint64_t max_bytes, std::function<void(owed_page)> done) {
  engine_->read([this, id, after, max_count, max_bytes, done = std::move(done)](bool run) {
    owed_page page;
    if (run) {
      page = engine_->reader().read_owed(id, after, max_count, max_bytes);
    } else {
      page.end = false;
      page.failed = true;
    }
    done(std::move(page));
  });
}

void rocks_store::read_contents(session_id id, std::function<void(session_contents)> done) {
  read_contents(id, engine_->reader().order_at_open(), std::move(done));
}

void rocks_store::read_contents(session_id id, order_no through,
                                std::function<void(session_contents)> done) {
  engine_->read([this, id, through, done = std::move(done)](bool run) {
    session_contents contents;
    contents.failed = true;
    if (run) contents = engine_->reader().read_contents(id, through);
    done(std::move(contents));
  });
}

void rocks_store::read_one(session_id id, order_no order,
                           std::function<void(std::optional<owed_message>)> done) {
  engine_->read([this, id, order, done = std::move(done)](bool run) {
    done(run ? engine_->reader().read_one(id, order) : std::nullopt);
  });
}

void rocks_store::read_retained(std::string filter, std::string cursor, std::uint32_t max_count,
                                std::int64_t now_ms, std::function<void(retained_page)> done) {
  engine_->read([this, filter = std::move(filter), cursor = std::move(cursor), max_count, now_ms,
                 done = std::move(done)](bool run) {
    if (!run) {
      retained_page page;
      page.failed = true;
      return done(std::move(page));
    }
    auto answer = engine_->reader().read_retained(filter, cursor, max_count, now_ms);
    if (engine_->replicated()) {
      answer.page.expired = std::move(answer.expired);
    } else {
      engine_->expire(answer.expired, now_ms);
    }
    done(std::move(answer.page));
  });
}

void rocks_store::each_session(shard_id shard, const std::function<void(session_record)>& visit) {
  engine_->reader().each_session(shard, visit);
}

void rocks_store::each_subscription(
    shard_id shard, const std::function<void(session_id, subscription_record)>& visit) {
  engine_->reader().each_subscription(shard, visit);
}

std::uint64_t rocks_store::next_offset(shard_id shard) {
  return engine_->replicated() ? marks(shard).next_offset : engine_->first_offset(shard);
}

std::uint64_t rocks_store::next_session_count(shard_id shard) {
  return engine_->replicated() ? marks(shard).next_session_count
                               : engine_->first_session_count(shard);
}

shard_marks rocks_store::marks(shard_id shard) const {
  return engine_->reader().marks(shard);
}

void rocks_store::read_directory(shard_id shard, std::string cursor, std::uint32_t max_count,
                                 std::function<void(directory_page)> done) {
  engine_->read(
      [this, shard, cursor = std::move(cursor), max_count, done = std::move(done)](bool run) {
        directory_page page;
        page.failed = true;
        if (run) page = engine_->reader().read_directory(shard, cursor, max_count);
        done(std::move(page));
      });
}

void rocks_store::backup(backup_order order, std::function<void(backup_info)> done) {
  engine_->read([this, order = std::move(order), done = std::move(done)](bool run) {
    backup_info info;
    info.name = order.name;
    info.begun = order.begun;
    info.cluster = order.cluster;
    info.node = order.node;
    info.error = run ? engine_->backup(order, info)
                     : std::string("The store is closed, or has too much to do.");
    done(std::move(info));
  });
}

void rocks_store::measure(std::function<void(store_sizes)> done) {
  engine_->read([this, done = std::move(done)](bool run) {
    if (run) return done(engine_->measure());
    done({"The store is closed, or has too much to do.", {}, 0, {}});
  });
}

void rocks_store::export_shard(shard_id shard, exporting done) {
  engine_->export_shard(shard, std::move(done));
}

void rocks_store::run_task(shard_id shard, shard_task task, std::string bytes, committed done) {
  write_operations operations;
  operations.bytes = std::move(bytes);
  operations.entry = std::make_unique<entry_head>();
  operations.entry->shard = number(shard);
  operations.entry->task = task;
  engine_->commit(std::move(operations), std::move(done));
}

void rocks_store::import_chunk(shard_id shard, std::string bytes, committed done) {
  run_task(shard, shard_task::import_chunk, std::move(bytes), std::move(done));
}

void rocks_store::drop_shard(shard_id shard, committed done) {
  run_task(shard, shard_task::drop, {}, std::move(done));
}

void rocks_store::read_checksum(shard_id shard, std::function<void(shard_checksum)> done) {
  engine_->read_checksum(shard, std::move(done));
}

std::uint16_t rocks_store::shards() const {
  return engine_->shards();
}
store::figures rocks_store::current() const {
  return engine_->current();
}

std::uint64_t rocks_store::backlog_bytes() const noexcept {
  return engine_->backlog_bytes();
}
void rocks_store::close() {
  engine_->close();
}
std::size_t rocks_store::pump() {
  return engine_->pump();
}

}  // namespace troupe::storage
