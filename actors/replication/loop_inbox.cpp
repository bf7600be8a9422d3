#include "actors/replication/loop_inbox.hpp"

#include "actors/runtime/run_loop.hpp"

#include <caf/mailbox_element.hpp>

namespace troupe::replication {

void loop_inbox::content::clear() {
  frames.clear();
  written.clear();
  commits.clear();
  applied.clear();
  works.clear();
}

void loop_inbox::open(caf::strong_actor_ptr reader) {
  std::unique_lock lock(mutex_);
  reader_ = std::move(reader);
  wake(lock);
}

void loop_inbox::close() {
  content left;
  caf::strong_actor_ptr reader;
  const std::lock_guard lock(mutex_);
  closed_ = true;
  std::swap(left, content_);
  std::swap(reader, reader_);
}

void loop_inbox::push(frame what) {
  std::unique_lock lock(mutex_);
  if (closed_ || frame_bytes_ + what.bytes->size() > most_bytes_) {
    dropped_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  frame_bytes_ += what.bytes->size();
  content_.frames.push_back(std::move(what));
  wake(lock);
}

void loop_inbox::push(written_batch what) {
  std::unique_lock lock(mutex_);
  if (closed_) return;
  content_.written.push_back(std::move(what));
  wake(lock);
}

void loop_inbox::commits_wait(std::uint16_t shard, bool now) {
  std::unique_lock lock(mutex_);
  if (closed_) return;
  content_.commits.push_back(shard);
  if (now) wake(lock);
}

void loop_inbox::applied(std::uint16_t shard) {
  std::unique_lock lock(mutex_);
  if (closed_ || (!content_.applied.empty() && content_.applied.back() == shard)) return;
  content_.applied.push_back(shard);
  wake(lock);
}

void loop_inbox::run(std::function<void()> work) {
  std::unique_lock lock(mutex_);
  if (closed_) return;
  content_.works.push_back(std::move(work));
  wake(lock);
}

void loop_inbox::take(content& into) {
  const std::lock_guard lock(mutex_);
  std::swap(into, content_);
  frame_bytes_ = 0;
  woken_ = false;
}

void loop_inbox::wake(std::unique_lock<std::mutex>& lock) {
  if (woken_ || !reader_) return;
  woken_ = true;
  auto reader = reader_;
  lock.unlock();
  reader->enqueue(caf::make_mailbox_element(nullptr, caf::make_message_id(), {}, look_into_inbox{}),
                  runtime::run_loop::current());
}

}  // namespace troupe::replication
