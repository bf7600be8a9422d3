#include "storage/backup/merged_store.hpp"

#include "storage/records/meta_keys.hpp"
#include "storage/records/record_codec.hpp"
#include "storage/records/record_keys.hpp"
#include "storage/replication/shard_chunk.hpp"
#include "storage/replication/shard_states.hpp"
#include "storage/replication/shard_view.hpp"

#include <rocksdb/write_batch.h>

#include <algorithm>
#include <optional>
#include <utility>

namespace troupe::storage {
namespace {

constexpr std::uint64_t wave_bytes = std::uint64_t{4} << 20;
/// The copies of shards are of different moments: one may know of a session whose shard was copied
/// before it began. No session shall have its number.
constexpr std::uint64_t skipped_sessions = std::uint64_t{1} << 20;

std::optional<shard_states::state> state_in(const database& store, std::uint16_t shard,
                                            std::string& error) {
  rocksdb::PinnableSlice value;
  const auto status = store.get(family::meta, meta::of_shard(meta::shard_state, shard), value);
  if (status.IsNotFound()) return shard_states::state{};
  auto found = status.ok() ? shard_states::decode(view(value)) : std::nullopt;
  if (!found)
    error = "The state of shard " + std::to_string(shard) +
            " cannot be read: " + (status.ok() ? "its bytes are damaged" : status.ToString()) + ".";
  return found;
}

void put_number(const database& db, rocksdb::WriteBatch& batch, const std::string& key,
                std::uint64_t value) {
  std::string bytes;
  record::encode_number(value, bytes);
  batch.Put(db.handle(family::meta), slice(key), bytes);
}

}  // namespace

shard_marks marks_in(const database& store, std::uint16_t shard, std::string& error) {
  const auto found = state_in(store, shard, error);
  return found ? found->marks : shard_marks{};
}

merged_store::merged_store(std::string directory, std::uint16_t shards)
    : directory_(std::move(directory)), shards_(shards) {}

store_options merged_store::options() const {
  store_options options;
  options.directory = directory_;
  options.shards = shards_;
  options.replicated = true;
  options.threads = false;
  options.retained_memory = 0;  // nobody reads
  return options;
}

std::string merged_store::open() {
  auto opened = open_store(options());
  store_ = std::move(opened.store);
  return opened.error;
}

void merged_store::drain() {
  given_ = 0;
  while (store_->pump() > 0) {
  }
}

std::string merged_store::take(const database& from, std::uint16_t shard) {
  shard_view rows(from, shard);
  if (auto error = rows.begin(); !error.empty()) return error;
  chunk::chain chain;
  for (auto progress = shard_view::progress::more; progress == shard_view::progress::more;) {
    chunk::writer out(chain, {shard, rows.state()});
    progress = rows.next([&](const shard_view::row& row) {
      ++records_;
      out.add(row);
      return out.size() < chunk::wanted_bytes;
    });
    if (progress == shard_view::progress::failed)
      return "A copy of shard " + std::to_string(shard) + " cannot be read.";
    std::string error;
    store_->import_chunk(static_cast<shard_id>(shard),
                         out.finish(progress == shard_view::progress::end),
                         [&error](const commit_result& result) { error = result.error; });
    drain();
    if (!error.empty()) return error;
  }
  return {};
}

std::string merged_store::apply(std::uint16_t shard, std::uint64_t index, std::uint64_t term,
                                transaction writes) {
  const auto id = static_cast<shard_id>(shard);
  given_ += writes.size() + 1;
  ++entries_;
  writes.applied(id, index, term);
  store_->commit(std::move(writes), nullptr);
  if (given_ < wave_bytes && store_->current().writable) return {};
  drain();
  if (store_->marks(id).index >= index) return {};
  return "The store cannot write what is in the log of shard " + std::to_string(shard) + ".";
}

std::string merged_store::finish(bool replicated) {
  drain();
  if (!store_->current().writable) return cannot_write("the disk takes nothing");
  store_->close();
  store_.reset();
  auto db = database::open(options());
  if (!db.value) return db.error;
  auto error = rewrite(*db.value, replicated);
  if (error.empty()) db.value->flush();
  return error;
}

/// They stand where a session 0 of the shard would.
std::string merged_store::forget_origins(const database& db, std::uint16_t shard) const {
  const auto id = static_cast<shard_id>(shard);
  rocksdb::WriteBatch batch;
  database::range rows(db, family::qos2, keys::session({id, 0}).view(),
                       keys::session({id, 1}).view());
  rocksdb::Status status;
  for (; status.ok() && rows.valid(); rows.next()) {
    batch.Delete(db.handle(family::qos2), slice(rows.key()));
    if (batch.GetDataSize() < wave_bytes) continue;
    status = db.db().Write({}, &batch);
    batch.Clear();
  }
  if (status.ok()) status = rows.status();
  if (status.ok()) status = db.db().Write({}, &batch);
  return status.ok() ? std::string() : cannot_write(status.ToString());
}

std::string merged_store::cannot_write(const std::string& why) const {
  return "The store in " + directory_ + " cannot be written: " + why + ".";
}

std::string merged_store::rewrite(const database& db, bool replicated) const {
  rocksdb::WriteBatch batch;
  order_no next_order = 1;
  for (std::uint16_t shard = 0; shard < shards_; ++shard) {
    std::string error;
    auto state = state_in(db, shard, error);
    if (!state) return error;
    if (error = forget_origins(db, shard); !error.empty()) return error;
    auto& marks = state->marks;
    marks.next_session_count += skipped_sessions;
    next_order = std::max(next_order, marks.next_order);
    const auto key = meta::of_shard(meta::shard_state, shard);
    if (replicated) {
      marks.index = shard_marks::restored;
      marks.term = shard_marks::restored;
      std::string bytes;
      shard_states::encode(*state, bytes);
      batch.Put(db.handle(family::meta), slice(key), bytes);
      continue;
    }
    batch.Delete(db.handle(family::meta), slice(key));
    put_number(db, batch, meta::of_shard(meta::offset_mark, shard), marks.next_offset);
    put_number(db, batch, meta::of_shard(meta::session_mark, shard), marks.next_session_count);
  }
  if (!replicated) {
    put_number(db, batch, std::string(meta::order_mark), next_order);
    database::range gone(db, family::meta, meta::gone_session, after_prefix(meta::gone_session));
    for (; gone.valid(); gone.next()) batch.Delete(db.handle(family::meta), slice(gone.key()));
    std::string bytes;
    record::encode_directory(shards_, record::layout_version, bytes);
    batch.Put(db.handle(family::meta), slice(meta::directory), bytes);
  }
  rocksdb::WriteOptions write;
  write.sync = true;
  const auto status = db.db().Write(write, &batch);
  return status.ok() ? std::string() : cannot_write(status.ToString());
}

}  // namespace troupe::storage
