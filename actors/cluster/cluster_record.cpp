#include "actors/cluster/cluster_record.hpp"

#include "cluster/map/member.hpp"
#include "cluster/shard_hash.hpp"
#include "storage/files/small_file.hpp"

#include <charconv>
#include <optional>
#include <string_view>

namespace troupe::clustering {
namespace {

using cluster::node_id;
using phase = cluster_record::phase;

constexpr std::string_view heading = "troupe cluster 1 ";
constexpr const char* file_name = "cluster-id";

std::string_view name_of(phase at) {
  switch (at) {
    case phase::forming:
      return "forming";
    case phase::joining:
      return "joining";
    default:
      return "member";
  }
}

/// "troupe cluster 1 <id> <phase> <check>": the check finds what somebody changed.
std::string text_of(const cluster_record& what) {
  const auto body = to_string(node_id{what.cluster}) + " " + std::string(name_of(what.at));
  return std::string(heading) + body + " " + to_string(node_id{cluster::stable_hash(body)}) + "\n";
}

std::optional<cluster_record> parse(std::string_view text) {
  if (!text.starts_with(heading)) return std::nullopt;
  const auto digits = text.substr(heading.size(), 16);
  cluster_record what;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), what.cluster, 16);
  if (error != std::errc() || end != digits.data() + digits.size() || what.cluster == 0)
    return std::nullopt;
  for (const auto at : {phase::forming, phase::joining, phase::member}) {
    what.at = at;
    if (text == text_of(what)) return what;
  }
  return std::nullopt;
}

}  // namespace

loaded_record load_record(const std::string& data_dir) {
  const auto read = storage::read_small_file(data_dir, file_name);
  if (!read.error.empty()) return {{}, read.error};
  if (!read.there) return {};
  if (const auto what = parse(read.text)) return {*what, {}};
  return {{},
          "The file " + data_dir + "/" + file_name +
              " is damaged or of a newer version of Troupe: it names the cluster of this node. "
              "Restore it from a backup; or evict this node from the cluster and move its data "
              "directory away."};
}

std::string store_record(const std::string& data_dir, const cluster_record& what) {
  return storage::replace_small_file(data_dir, file_name, text_of(what));
}

}  // namespace troupe::clustering
