#include "storage/records/high_water_marks.hpp"

#include "storage/records/meta_keys.hpp"
#include "storage/records/record_codec.hpp"

namespace troupe::storage {
namespace {

constexpr std::uint64_t order_block = 1U << 20;
constexpr std::uint64_t offset_block = 1U << 16;
constexpr std::uint64_t session_block = 1U << 10;

}  // namespace

high_water_marks::high_water_marks(std::uint16_t shards) : offsets_(shards), sessions_(shards) {}

std::string high_water_marks::load_one(const database& from, std::string_view key, mark& into) {
  rocksdb::PinnableSlice value;
  const auto status = from.get(family::meta, key, value);
  if (status.IsNotFound()) return {};
  if (!status.ok()) return "A counter of the store cannot be read: " + status.ToString() + ".";
  const auto stored = record::decode_number(view(value));
  if (!stored) return "A counter of the store is damaged or of a newer version.";
  into.next = into.reserved = *stored;
  return {};
}

std::string high_water_marks::load(const database& from) {
  if (auto error = load_one(from, meta::order_mark, order_); !error.empty()) return error;
  for (std::uint16_t shard = 0; shard < offsets_.size(); ++shard) {
    auto error = load_one(from, meta::of_shard(meta::offset_mark, shard), offsets_[shard]);
    if (error.empty()) {
      error = load_one(from, meta::of_shard(meta::session_mark, shard), sessions_[shard]);
    }
    if (!error.empty()) return error;
  }
  return {};
}

void high_water_marks::put(const database& db, rocksdb::WriteBatch& batch, std::string_view key,
                           std::uint64_t value) {
  std::string bytes;
  record::encode_number(value, bytes);
  batch.Put(db.handle(family::meta), slice(key), bytes);
}

std::uint64_t high_water_marks::take_orders(std::uint64_t count, const database& db,
                                            rocksdb::WriteBatch& batch) {
  const auto first = order_.next;
  order_.next += count;
  if (count > 0 && order_.next > order_.reserved) {
    order_.reserved = order_.next + order_block;
    put(db, batch, meta::order_mark, order_.reserved);
  }
  return first;
}

void high_water_marks::saw_offset(std::uint16_t shard, std::uint64_t offset, const database& db,
                                  rocksdb::WriteBatch& batch) {
  if (shard >= offsets_.size()) return;
  auto& offset_mark = offsets_[shard];
  if (offset < offset_mark.next) return;
  offset_mark.next = offset + 1;
  if (offset < offset_mark.reserved) return;
  offset_mark.reserved = offset + offset_block;
  put(db, batch, meta::of_shard(meta::offset_mark, shard), offset_mark.reserved);
}

void high_water_marks::saw_session(session_id id, const database& db, rocksdb::WriteBatch& batch) {
  if (number(id.shard()) >= sessions_.size()) return;
  auto& count_mark = sessions_[number(id.shard())];
  if (id.count() < count_mark.next) return;
  count_mark.next = id.count() + 1;
  if (id.count() < count_mark.reserved) return;
  count_mark.reserved = id.count() + session_block;
  put(db, batch, meta::of_shard(meta::session_mark, number(id.shard())), count_mark.reserved);
}

void high_water_marks::forget_reservations() noexcept {
  order_.reserved = 0;
  for (auto& one : offsets_) one.reserved = 0;
  for (auto& one : sessions_) one.reserved = 0;
}

void high_water_marks::save_exact(const database& db, rocksdb::WriteBatch& batch) const {
  put(db, batch, meta::order_mark, order_.next);
  for (std::uint16_t shard = 0; shard < offsets_.size(); ++shard) {
    if (offsets_[shard].reserved > offsets_[shard].next) {
      put(db, batch, meta::of_shard(meta::offset_mark, shard), offsets_[shard].next);
    }
    if (sessions_[shard].reserved > sessions_[shard].next) {
      put(db, batch, meta::of_shard(meta::session_mark, shard), sessions_[shard].next);
    }
  }
}

}  // namespace troupe::storage
