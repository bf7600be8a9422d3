#pragma once

#include "cluster/raft/group_core.hpp"

namespace troupe::cluster::raft {

/// The functions that libraft calls. None answers before it returns.
struct group::core::io {
  static core& of(raft_io* io) { return *static_cast<core*>(io->impl); }
  static core& of(raft_fsm* fsm) { return *static_cast<core*>(fsm->data); }
  static void install(core& into);

  static int init(raft_io* io, raft_id id, const char* address);
  static void close(raft_io* io, raft_io_close_cb done);
  static int load(raft_io* io, raft_term* term, raft_id* voted_for, raft_snapshot** snapshot,
                  raft_index* start_index, raft_entry* entries[], size_t* count);
  static int start(raft_io* io, unsigned msecs, raft_io_tick_cb tick, raft_io_recv_cb receive);
  static int unused(raft_io* io, const raft_configuration* conf);
  static int set_term(raft_io* io, raft_term term);
  static int set_vote(raft_io* io, raft_id server);
  static int send(raft_io* io, raft_io_send* request, const raft_message* message,
                  raft_io_send_cb done);
  static int append(raft_io* io, raft_io_append* request, const raft_entry entries[],
                    unsigned count, raft_io_append_cb done);
  static int truncate(raft_io* io, raft_index index);
  static int put_snapshot(raft_io* io, unsigned trailing, raft_io_snapshot_put* request,
                          const raft_snapshot* snapshot, raft_io_snapshot_put_cb done);
  static int get_snapshot(raft_io* io, raft_io_snapshot_get* request, raft_io_snapshot_get_cb done);
  static raft_time time(raft_io* io);
  static int random(raft_io* io, int least, int most);

  static int apply(raft_fsm* fsm, const raft_buffer* entry, void** result);
  static int take_snapshot(raft_fsm* fsm, raft_buffer* buffers[], unsigned* count);
  static int restore(raft_fsm* fsm, raft_buffer* from);

  /// In memory of libraft.
  static raft_snapshot* make_snapshot(const storage::raft_log_snapshot& from);
};

}  // namespace troupe::cluster::raft
