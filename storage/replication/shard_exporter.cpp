#include "storage/replication/shard_exporter.hpp"

#include <shared_mutex>
#include <utility>

namespace troupe::storage {

shard_exporter::shard_exporter(const database& db, std::uint16_t shard, std::shared_ptr<void> place,
                               std::function<void(job)> read)
    : db_(db), place_(std::move(place)), read_(std::move(read)), view_(db, shard) {}

void shard_exporter::next(std::function<void(shard_chunk)> done) {
  read_([self = shared_from_this(), done = std::move(done)](bool run) {
    if (!run) return done({{}, false, "The store is closed or has too much to read."});
    done(self->read_chunk());
  });
}

shard_chunk shard_exporter::read_chunk() {
  const std::lock_guard lock(mutex_);
  const std::shared_lock gate(db_.gate());
  if (error_.empty() && !db_.is_open()) error_ = "The store is closed.";
  if (error_.empty() && ended_) error_ = "The export of the shard has ended.";
  if (!error_.empty()) return {{}, false, error_};
  chunk::writer out(chain_, {view_.shard(), view_.state()});
  const auto progress = view_.next([&out](const shard_view::row& row) {
    out.add(row);
    return out.size() < chunk::wanted_bytes;
  });
  if (progress == shard_view::progress::failed) {
    error_ = "The shard cannot be read.";
    return {{}, false, error_};
  }
  ended_ = progress == shard_view::progress::end;
  return {out.finish(ended_), ended_, {}};
}

std::optional<shard_marks> exported_marks(std::string_view first_chunk) {
  const auto header = chunk::read_header(first_chunk);
  return header ? std::optional(header->state.marks) : std::nullopt;
}

}  // namespace troupe::storage
