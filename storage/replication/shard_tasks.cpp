// What the writer does to a shard as a whole: it empties one, and makes one of what another
// store has exported.

#include "storage/records/meta_keys.hpp"
#include "storage/replication/shard_chunk.hpp"
#include "storage/store_writer.hpp"

namespace troupe::storage {

std::string store_writer::run_task(const write_operations& from, bool sync, std::string& refused) {
  const auto shard = static_cast<std::uint16_t>(from.entry->shard);
  if (from.entry->task == shard_task::import_chunk)
    return import_chunk(shard, from.bytes, sync, refused);
  imports_.erase(shard);
  return empty_shard(shard, false, sync);
}

void store_writer::erase_all(std::uint16_t shard) {
  for (std::size_t i = 0; i < shard_part::count; ++i) {
    const auto part = shard_part::at(i, shard);
    batch_.DeleteRange(db_.handle(part.which), slice(part.prefix),
                       slice(after_prefix(part.prefix)));
  }
}

std::string store_writer::empty_shard(std::uint16_t shard, bool incomplete, bool sync) {
  // What the journal says of it must not come back.
  if (auto error = retained_.fold_all(); !error.empty()) return error;
  erase_all(shard);
  auto& state = states_.change(shard);
  state = {};
  state.marks.incomplete = incomplete;
  retained_.replaced(shard, 0);
  return write_replaced(shard, sync);
}

std::string store_writer::write_replaced(std::uint16_t shard, bool sync) {
  auto error = write(sync);
  if (!error.empty()) return error;
  runs_.forget();
  counts_.forget();
  retained_.forget();
  states_.forget_refused(shard);
  return load_shards();
}

std::string store_writer::import_chunk(std::uint16_t shard, std::string_view bytes, bool sync,
                                       std::string& refused) {
  import_state begun;
  if (chunk::read_header(bytes)) {
    imports_.erase(shard);
  } else if (auto node = imports_.extract(shard)) {
    begun = node.mapped();
  }
  auto chunk = chunk::parse(bytes, shard, begun.chain, refused);
  if (!chunk) return {};
  if (chunk->first) {
    begun.state = chunk->first->state;
    begun.state.marks.incomplete = false;
    begun.state.retained = 0;
    if (auto error = empty_shard(shard, true, false); !error.empty()) return error;
  }
  // Before the batch has anything: of other shards the journal may have something.
  if (chunk->last) {
    if (auto error = retained_.fold_all(); !error.empty()) return error;
  }
  for (const auto& row : chunk->rows) {
    if (row.which == family::retained) ++begun.state.retained;
    put(row.which, row.key, row.value);
  }
  if (!chunk->last) {
    imports_.insert_or_assign(shard, begun);
    return write(false);
  }
  states_.change(shard) = begun.state;
  retained_.replaced(shard, begun.state.retained);
  return write_replaced(shard, sync);
}

std::string store_writer::empty_incomplete() {
  for (std::uint16_t shard = 0; shard < states_.count(); ++shard) {
    if (!states_.of(shard).marks.incomplete) continue;
    if (auto error = empty_shard(shard, true, true); !error.empty()) return error;
  }
  return {};
}

}  // namespace troupe::storage
