#pragma once

#include <cstdint>
#include <string>

namespace troupe::clustering {

/// What a node keeps of its cluster beside the Raft log: file `cluster-id` of the
/// data directory. It is written before the node acts as a member, so that a node that
/// has lost its log is never taken for a new one.
struct cluster_record {
  enum class phase : std::uint8_t {
    none,     // never a member: no file
    forming,  // it makes the cluster; nobody else can be in it yet
    joining,  // it was let in, and may have nothing of the log yet
    member,   // it was confirmed: it has the log
  };
  std::uint64_t cluster = 0;
  phase at = phase::none;

  bool operator==(const cluster_record&) const = default;
};

struct loaded_record {
  cluster_record value;
  std::string error;  // a sentence: the node must not start
};

/// Blocks.
loaded_record load_record(const std::string& data_dir);
/// Empty, or a sentence. Replaces the file in one step and syncs it; blocks.
std::string store_record(const std::string& data_dir, const cluster_record& what);

}  // namespace troupe::clustering
