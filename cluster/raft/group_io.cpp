#include "cluster/raft/group_io.hpp"

#include <cstring>
#include <limits>
#include <utility>

namespace troupe::cluster::raft {
namespace {

constexpr std::size_t most_outgoing = 4096;  // messages that wait for the log

void* copy_of(std::string_view bytes) {
  auto* to = raft_malloc(bytes.size() + 1);
  if (to) std::memcpy(to, bytes.data(), bytes.size());
  return to;
}

}  // namespace

void group::core::io::install(core& into) {
  into.io_.version = 1;
  into.io_.impl = &into;
  into.io_.init = init;
  into.io_.close = close;
  into.io_.load = load;
  into.io_.start = start;
  into.io_.bootstrap = unused;
  into.io_.recover = unused;
  into.io_.set_term = set_term;
  into.io_.set_vote = set_vote;
  into.io_.send = send;
  into.io_.append = append;
  into.io_.truncate = truncate;
  into.io_.snapshot_put = put_snapshot;
  into.io_.snapshot_get = get_snapshot;
  into.io_.time = time;
  into.io_.random = random;
  into.fsm_.version = 1;
  into.fsm_.data = &into;
  into.fsm_.apply = apply;
  into.fsm_.snapshot = take_snapshot;
  into.fsm_.restore = restore;
}

int group::core::io::init(raft_io* /*io*/, raft_id /*id*/, const char* /*address*/) {
  return 0;
}

int group::core::io::unused(raft_io* /*io*/, const raft_configuration* /*conf*/) {
  return RAFT_INVALID;
}

void group::core::io::close(raft_io* io, raft_io_close_cb done) {
  auto& self = of(io);
  // libraft is unavailable by now: it only lets go of what the requests hold.
  for (auto& one : std::exchange(self.sent_, {})) {
    if (one.done) one.done(one.request, RAFT_CANCELED);
  }
  for (auto& one : std::exchange(self.wanted_, {})) {
    one.done(one.request, nullptr, RAFT_CANCELED);
  }
  for (auto& one : std::exchange(self.appends_, {})) one.done(one.request, 0);
  if (auto put = std::exchange(self.put_, std::nullopt)) {
    put->done(put->request, RAFT_CANCELED);
    raft_free(put->buffers);  // which libraft forgets; null for an own snapshot
  }
  done(io);
}

int group::core::io::load(raft_io* io, raft_term* term, raft_id* voted_for,
                          raft_snapshot** snapshot, raft_index* start_index, raft_entry* entries[],
                          size_t* count) {
  auto content = std::exchange(of(io).content_, {});
  *term = content.term;
  *voted_for = content.voted_for;
  *start_index = content.first;
  *snapshot = content.snapshot ? make_snapshot(*content.snapshot) : nullptr;
  *entries = nullptr;
  *count = content.entries.size();
  if (content.entries.empty()) return 0;
  *entries = static_cast<raft_entry*>(raft_calloc(content.entries.size(), sizeof(raft_entry)));
  if (!*entries) return RAFT_NOMEM;
  for (std::size_t i = 0; i < content.entries.size(); ++i) {
    // One piece of memory each: a common one would live as long as its last entry.
    auto& from = content.entries[i];
    auto& to = (*entries)[i];
    to.term = from.term;
    to.type = static_cast<unsigned short>(from.kind);
    to.buf = {copy_of(from.bytes), from.bytes.size()};
    to.batch = nullptr;
    from.bytes = {};
  }
  return 0;
}

int group::core::io::start(raft_io* io, unsigned /*msecs*/, raft_io_tick_cb tick,
                           raft_io_recv_cb receive) {
  of(io).tick_ = tick;
  of(io).receive_ = receive;
  return 0;
}

int group::core::io::set_term(raft_io* io, raft_term term) {
  auto& self = of(io);
  self.vote_term_ = term;
  self.batch_.vote(term, 0);
  self.vote_batch_ = self.batch_no_;
  return 0;
}

int group::core::io::set_vote(raft_io* io, raft_id server) {
  auto& self = of(io);
  self.batch_.vote(self.vote_term_, server);
  self.vote_batch_ = self.batch_no_;
  return 0;
}

int group::core::io::send(raft_io* io, raft_io_send* request, const raft_message* from,
                          raft_io_send_cb done) {
  auto& self = of(io);
  self.sent_.push_back({request, done});
  const node_id to{from->server_id};
  if (!self.running_) return 0;
  auto message = *from;
  time_ms stamp = 0;
  if (message.type == RAFT_IO_APPEND_ENTRIES_RESULT) {
    auto& result = message.append_entries_result;
    // A follower's log may go on with entries that this leader has never had.
    if (self.mute_result_ || to == no_node) return 0;
    if (result.rejected == 0 && self.answer_limit_ && result.last_log_index > *self.answer_limit_) {
      result.last_log_index = *self.answer_limit_;
    }
    if (result.rejected > 0) result.last_log_index = self.hint(result.rejected);
    if (result.term == self.heard_term_) stamp = self.heard_stamp_;
  }
  if (message.type == RAFT_IO_APPEND_ENTRIES) {
    auto& args = message.append_entries;
    stamp = self.now_;
    const auto fit = wire::entries_within(args, self.settings_.message_bytes);
    if (fit < args.n_entries) {
      args.n_entries = fit;
      self.resends_.push_back({to, static_cast<log_index>(args.prev_log_index) + 1 + fit});
    }
    const auto known = args.prev_log_index + args.n_entries;
    if (args.leader_commit > known) args.leader_commit = known;
  }
  if (self.outbox_.size() >= most_outgoing) {
    ++self.dropped_;
    return 0;
  }
  outgoing out{to, {}, self.vote_batch_};
  wire::encode(message, stamp, out.bytes);
  if (message.type == RAFT_IO_INSTALL_SNAPSHOT) {
    const auto& args = message.install_snapshot;
    self.offers_sent_[to] = {out.bytes, self.now_};
    self.host_.snapshot_wanted(to, args.last_index, args.last_term,
                               {static_cast<const char*>(args.data.base), args.data.len});
  }
  self.outbox_.push_back(std::move(out));
  return 0;
}

int group::core::io::append(raft_io* io, raft_io_append* request, const raft_entry entries[],
                            unsigned count, raft_io_append_cb done) {
  auto& self = of(io);
  const auto first = last_index(self.raft_.log) + 1 - count;
  // The memory and the disk must not differ: libraft would go on with either.
  if (first != self.next_on_disk_) return RAFT_CORRUPT;
  std::uint64_t bytes = 0;
  for (unsigned i = 0; i < count; ++i) {
    const auto& entry = entries[i];
    const std::string_view data(static_cast<const char*>(entry.buf.base), entry.buf.len);
    self.batch_.append(first + i, entry.term, static_cast<storage::raft_entry_kind>(entry.type),
                       data);
    bytes += data.size() + sizeof(raft_entry);
    if (entry.type == RAFT_CHANGE) {
      if (auto members = decode_configuration(data)) {
        self.configurations_.note(first + i, std::move(*members));
      }
    }
  }
  self.next_on_disk_ = first + count;
  self.log_bytes_ += bytes;
  self.append_bytes_ += bytes;
  self.appends_.push_back({request, done, self.batch_no_, self.raft_.current_term, first,
                           first + count - 1, bytes, self.raft_.state == RAFT_LEADER});
  return 0;
}

int group::core::io::truncate(raft_io* io, raft_index index) {
  auto& self = of(io);
  self.batch_.truncate(index);
  self.next_on_disk_ = index;
  self.configurations_.truncate(index);
  return 0;
}

int group::core::io::put_snapshot(raft_io* io, unsigned trailing, raft_io_snapshot_put* request,
                                  const raft_snapshot* snapshot, raft_io_snapshot_put_cb done) {
  auto& self = of(io);
  put made{};
  made.request = request;
  made.done = done;
  made.installing = request->data != &self.raft_;
  made.record.index = snapshot->index;
  made.record.term = snapshot->term;
  if (snapshot->n_bufs > 0) {
    made.record.reference.assign(static_cast<const char*>(snapshot->bufs[0].base),
                                 snapshot->bufs[0].len);
  }
  if (made.installing) {
    made.buffers = snapshot->bufs;
    made.record.configuration_index = snapshot->configuration_index;
    made.record.configuration = encode_configuration(membership_of(snapshot->configuration));
    made.discard = std::numeric_limits<std::uint64_t>::max();
  } else {
    // libraft would put the newest configuration here, even one that may be taken back.
    const auto* conf = self.configurations_.at(snapshot->index);
    if (!conf) return RAFT_CORRUPT;
    made.record.configuration_index = conf->index;
    made.record.configuration = encode_configuration(conf->members);
    made.discard = snapshot->index > trailing ? snapshot->index - trailing : 0;
  }
  self.put_ = std::move(made);
  return 0;
}

int group::core::io::get_snapshot(raft_io* io, raft_io_snapshot_get* request,
                                  raft_io_snapshot_get_cb done) {
  of(io).wanted_.push_back({request, done, of(io).snapshot_});
  return 0;
}

raft_time group::core::io::time(raft_io* io) {
  return of(io).now_;
}

int group::core::io::random(raft_io* io, int least, int most) {
  // splitmix64
  auto& state = of(io).random_;
  auto mixed = (state += 0x9E3779B97F4A7C15U);
  mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9U;
  mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBU;
  mixed ^= mixed >> 31;
  return least + static_cast<int>(mixed % static_cast<std::uint64_t>(most - least + 1));
}

int group::core::io::apply(raft_fsm* fsm, const raft_buffer* entry, void** result) {
  *result = nullptr;
  return of(fsm).applying({static_cast<const char*>(entry->base), entry->len});
}

int group::core::io::take_snapshot(raft_fsm* fsm, raft_buffer* buffers[], unsigned* count) {
  return of(fsm).begin_snapshot(buffers, count);
}

int group::core::io::restore(raft_fsm* /*fsm*/, raft_buffer* from) {
  // The state was put in place before libraft was told.
  raft_free(from->base);
  return 0;
}

raft_snapshot* group::core::io::make_snapshot(const storage::raft_log_snapshot& from) {
  auto* made = static_cast<raft_snapshot*>(raft_calloc(1, sizeof(raft_snapshot)));
  made->index = from.index;
  made->term = from.term;
  make_configuration(*decode_configuration(from.configuration), made->configuration);
  made->configuration_index = from.configuration_index;
  made->bufs = static_cast<raft_buffer*>(raft_calloc(1, sizeof(raft_buffer)));
  made->n_bufs = 1;
  made->bufs[0] = {copy_of(from.reference), from.reference.size()};
  return made;
}

}  // namespace troupe::cluster::raft
