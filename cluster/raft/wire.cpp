#include "cluster/raft/wire.hpp"

#include "cluster/raft/bytes.hpp"
#include "cluster/raft/configuration.hpp"

#include <cstring>
#include <limits>
#include <utility>

namespace troupe::cluster::raft::wire {
namespace {

constexpr std::size_t entry_head = 8 + 1 + 4;
constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max() >> 8;

void encode_entries(const raft_append_entries& from, std::string& out) {
  put_number<std::uint64_t>(from.prev_log_index, out);
  put_number<std::uint64_t>(from.prev_log_term, out);
  put_number<std::uint64_t>(from.leader_commit, out);
  put_number<std::uint32_t>(from.n_entries, out);
  std::size_t bytes = 0;
  for (unsigned i = 0; i < from.n_entries; ++i) bytes += entry_head + from.entries[i].buf.len;
  out.reserve(out.size() + bytes);
  for (unsigned i = 0; i < from.n_entries; ++i) {
    const auto& entry = from.entries[i];
    put_number<std::uint64_t>(entry.term, out);
    put_number<std::uint8_t>(static_cast<std::uint8_t>(entry.type), out);
    put_number<std::uint32_t>(static_cast<std::uint32_t>(entry.buf.len), out);
    out.append(static_cast<const char*>(entry.buf.base), entry.buf.len);
  }
}

/// Entries come with terms that do not fall and are not above the leader's.
bool decode_entries(byte_reader& in, raft_append_entries& into) {
  into.prev_log_index = in.take<std::uint64_t>();
  into.prev_log_term = in.take<std::uint64_t>();
  into.leader_commit = in.take<std::uint64_t>();
  into.n_entries = 0;
  into.entries = nullptr;
  const auto count = in.take<std::uint32_t>();
  if (!in.good() || into.prev_log_index > most || into.prev_log_term > into.term ||
      (into.prev_log_index == 0) != (into.prev_log_term == 0) ||
      count > in.rest().size() / entry_head) {
    return false;
  }
  if (count == 0) return in.finished();
  // All entries of a message lie in one piece of memory, as libraft wants it.
  auto* batch = static_cast<char*>(raft_malloc(in.rest().size()));
  auto* entries = static_cast<raft_entry*>(raft_calloc(count, sizeof(raft_entry)));
  into.entries = entries;
  if (!batch || !entries) {
    raft_free(batch);
    return false;
  }
  auto* to = batch;
  auto term = into.prev_log_term;
  bool good = true;
  for (std::uint32_t i = 0; i < count; ++i) {
    auto& entry = entries[i];
    entry.batch = batch;
    entry.term = in.take<std::uint64_t>();
    entry.type = in.take<std::uint8_t>();
    const auto bytes = in.take_bytes(in.take<std::uint32_t>());
    good = good && in.good() && entry.term > 0 && entry.term >= term && entry.term <= into.term &&
           entry.type >= RAFT_COMMAND && entry.type <= RAFT_CHANGE;
    if (!good) break;
    if (entry.type == RAFT_CHANGE && !decode_configuration(bytes)) good = false;
    term = entry.term;
    entry.buf = {to, bytes.size()};
    std::memcpy(to, bytes.data(), bytes.size());
    to += bytes.size();
  }
  into.n_entries = count;
  return good && in.finished();
}

bool decode_snapshot(byte_reader& in, raft_install_snapshot& into) {
  into.data = {};
  into.last_index = in.take<std::uint64_t>();
  into.last_term = in.take<std::uint64_t>();
  into.conf_index = in.take<std::uint64_t>();
  raft_configuration_init(&into.conf);
  const auto members = decode_configuration(in.take_bytes(in.take<std::uint32_t>()));
  const auto reference = in.take_bytes(in.take<std::uint32_t>());
  if (!in.finished() || !members || into.last_index == 0 || into.last_index > most ||
      into.last_term == 0 || into.last_term > into.term || into.conf_index == 0 ||
      into.conf_index > into.last_index) {
    return false;
  }
  make_configuration(*members, into.conf);
  into.data.base = raft_malloc(reference.size() + 1);
  if (!into.data.base) return false;
  into.data.len = reference.size();
  std::memcpy(into.data.base, reference.data(), reference.size());
  return true;
}

bool take_bool(byte_reader& in, bool& good) {
  const auto value = in.take<std::uint8_t>();
  if (value > 1) good = false;
  return value == 1;
}

}  // namespace

unsigned entries_within(const raft_append_entries& of, std::uint64_t bytes) {
  std::uint64_t used = 0;
  unsigned count = 0;
  for (; count < of.n_entries; ++count) {
    used += entry_head + of.entries[count].buf.len;
    if (used > bytes && count > 0) break;
  }
  return count;
}

void encode(const raft_message& from, time_ms stamp, std::string& out) {
  put_number(version, out);
  put_number<std::uint8_t>(static_cast<std::uint8_t>(from.type), out);
  switch (from.type) {
    case RAFT_IO_APPEND_ENTRIES:
      put_number<std::uint64_t>(from.append_entries.term, out);
      put_number<std::uint64_t>(stamp, out);
      return encode_entries(from.append_entries, out);
    case RAFT_IO_APPEND_ENTRIES_RESULT:
      put_number<std::uint64_t>(from.append_entries_result.term, out);
      put_number<std::uint64_t>(stamp, out);
      put_number<std::uint64_t>(from.append_entries_result.rejected, out);
      put_number<std::uint64_t>(from.append_entries_result.last_log_index, out);
      return;
    case RAFT_IO_REQUEST_VOTE:
      put_number<std::uint64_t>(from.request_vote.term, out);
      put_number<std::uint64_t>(from.request_vote.candidate_id, out);
      put_number<std::uint64_t>(from.request_vote.last_log_index, out);
      put_number<std::uint64_t>(from.request_vote.last_log_term, out);
      put_number<std::uint8_t>(from.request_vote.disrupt_leader ? 1 : 0, out);
      put_number<std::uint8_t>(from.request_vote.pre_vote ? 1 : 0, out);
      return;
    case RAFT_IO_REQUEST_VOTE_RESULT:
      put_number<std::uint64_t>(from.request_vote_result.term, out);
      put_number<std::uint8_t>(from.request_vote_result.vote_granted ? 1 : 0, out);
      put_number<std::uint8_t>(from.request_vote_result.pre_vote == raft_tribool_true ? 1 : 0, out);
      return;
    case RAFT_IO_INSTALL_SNAPSHOT: {
      const auto& snapshot = from.install_snapshot;
      put_number<std::uint64_t>(snapshot.term, out);
      put_number<std::uint64_t>(snapshot.last_index, out);
      put_number<std::uint64_t>(snapshot.last_term, out);
      put_number<std::uint64_t>(snapshot.conf_index, out);
      const auto conf = encode_configuration(membership_of(snapshot.conf));
      put_number<std::uint32_t>(static_cast<std::uint32_t>(conf.size()), out);
      out.append(conf);
      put_number<std::uint32_t>(static_cast<std::uint32_t>(snapshot.data.len), out);
      out.append(static_cast<const char*>(snapshot.data.base), snapshot.data.len);
      return;
    }
    case RAFT_IO_TIMEOUT_NOW:
      put_number<std::uint64_t>(from.timeout_now.term, out);
      put_number<std::uint64_t>(from.timeout_now.last_log_index, out);
      put_number<std::uint64_t>(from.timeout_now.last_log_term, out);
      return;
    default:
      return;
  }
}

bool incoming::decode(node_id sender, std::string_view bytes) {
  release();
  message = {};
  byte_reader in(bytes);
  if (in.take<std::uint8_t>() != version) return false;
  message.type = in.take<std::uint8_t>();
  message.server_id = number(sender);
  const auto term = in.take<std::uint64_t>();
  if (!in.good() || term == 0 || term > most) return false;
  bool good = true;
  switch (message.type) {
    case RAFT_IO_APPEND_ENTRIES:
      stamp = in.take<std::uint64_t>();
      message.append_entries.term = term;
      owned_ = true;
      return decode_entries(in, message.append_entries);
    case RAFT_IO_APPEND_ENTRIES_RESULT:
      stamp = in.take<std::uint64_t>();
      message.append_entries_result.term = term;
      message.append_entries_result.rejected = in.take<std::uint64_t>();
      message.append_entries_result.last_log_index = in.take<std::uint64_t>();
      return in.finished() && message.append_entries_result.rejected <= most &&
             message.append_entries_result.last_log_index <= most;
    case RAFT_IO_REQUEST_VOTE:
      message.request_vote.term = term;
      message.request_vote.candidate_id = in.take<std::uint64_t>();
      message.request_vote.last_log_index = in.take<std::uint64_t>();
      message.request_vote.last_log_term = in.take<std::uint64_t>();
      message.request_vote.disrupt_leader = take_bool(in, good);
      message.request_vote.pre_vote = take_bool(in, good);
      return good && in.finished() && message.request_vote.candidate_id == number(sender);
    case RAFT_IO_REQUEST_VOTE_RESULT:
      message.request_vote_result.term = term;
      message.request_vote_result.vote_granted = take_bool(in, good);
      message.request_vote_result.pre_vote =
          take_bool(in, good) ? raft_tribool_true : raft_tribool_false;
      return good && in.finished();
    case RAFT_IO_INSTALL_SNAPSHOT:
      message.install_snapshot.term = term;
      owned_ = true;
      return decode_snapshot(in, message.install_snapshot);
    case RAFT_IO_TIMEOUT_NOW:
      message.timeout_now.term = term;
      message.timeout_now.last_log_index = in.take<std::uint64_t>();
      message.timeout_now.last_log_term = in.take<std::uint64_t>();
      return in.finished();
    default:
      return false;
  }
}

incoming& incoming::operator=(incoming&& other) noexcept {
  release();
  message = other.message;
  stamp = other.stamp;
  owned_ = std::exchange(other.owned_, false);
  return *this;
}

term_no incoming::term() const noexcept {
  switch (message.type) {
    case RAFT_IO_APPEND_ENTRIES:
      return message.append_entries.term;
    case RAFT_IO_APPEND_ENTRIES_RESULT:
      return message.append_entries_result.term;
    case RAFT_IO_REQUEST_VOTE:
      return message.request_vote.term;
    case RAFT_IO_REQUEST_VOTE_RESULT:
      return message.request_vote_result.term;
    case RAFT_IO_INSTALL_SNAPSHOT:
      return message.install_snapshot.term;
    case RAFT_IO_TIMEOUT_NOW:
      return message.timeout_now.term;
    default:
      return 0;
  }
}

void incoming::drop_entries() {
  auto& from = message.append_entries;
  if (from.entries) {
    raft_free(from.entries[0].batch);
    raft_free(from.entries);
  }
  from.entries = nullptr;
  from.n_entries = 0;
}

void incoming::release() {
  if (!std::exchange(owned_, false)) return;
  if (message.type == RAFT_IO_APPEND_ENTRIES) drop_entries();
  if (message.type == RAFT_IO_INSTALL_SNAPSHOT) {
    raft_configuration_close(&message.install_snapshot.conf);
    raft_free(message.install_snapshot.data.base);
  }
}

}  // namespace troupe::cluster::raft::wire
