#include "storage/records/queue_scan.hpp"

#include "storage/records/record_keys.hpp"
#include "storage/records/run_codec.hpp"

namespace troupe::storage {
namespace {

/// No run that holds `from` begins before it.
std::string earliest(session_id id, order_no from) {
  const auto before = record::run_messages - 1;
  return std::string(keys::owed(id, from > before ? from - before : 0).view());
}

std::string end_of(session_id id) {
  return std::string(keys::session(session_id{id.value + 1}).view());
}

}  // namespace

queue_scan::queue_scan(const database& db, session_id id, order_no from)
    : records_(db, family::queue, earliest(id, from), end_of(id)) {
  const auto at = keys::owed(id, from);
  // Mostly what lies before is settled and gone.
  if (!records_.valid() || records_.key() >= at.view()) return;
  records_.seek_back(at.view());
  if (records_.valid() && keys::is_progress(records_.key())) records_.previous();
  if (!records_.valid()) return;
  const std::string run(records_.key());
  records_.seek(run);
}

bool queue_scan::next() {
  // Without its run, what is settled means nothing.
  while (records_.valid() && records_.key().size() != 16) records_.next();
  if (!records_.valid()) return false;
  first_ = keys::number_at(records_.key(), 8, 8);
  run_.assign(records_.value());
  settled_ = {};
  damaged_ = false;
  records_.next();
  if (!records_.valid() || !keys::is_progress(records_.key()) ||
      keys::number_at(records_.key(), 8, 8) != first_) {
    return true;
  }
  auto settled = settled_items::decode(records_.value());
  damaged_ = !settled;
  if (settled) settled_ = std::move(*settled);
  records_.next();
  return true;
}

}  // namespace troupe::storage
