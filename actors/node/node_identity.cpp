#include "actors/node/node_identity.hpp"

#include "cluster/map/member.hpp"
#include "cluster/shard_hash.hpp"
#include "storage/files/small_file.hpp"

#include <charconv>
#include <optional>
#include <string_view>
#include <sys/random.h>
#include <system_error>

namespace troupe::node {
namespace {

using cluster::node_id;

constexpr std::string_view heading = "troupe node 1 ";
constexpr const char* file_name = "node-id";

/// "troupe node 1 <id> <check>": the check finds a digit that somebody changed.
std::string text_of(node_id node) {
  const auto id = to_string(node);
  return std::string(heading) + id + " " + to_string(node_id{cluster::stable_hash(id)}) + "\n";
}

std::optional<node_id> parse(std::string_view text) {
  if (!text.starts_with(heading)) return std::nullopt;
  const auto digits = text.substr(heading.size(), 16);
  std::uint64_t value = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  if (error != std::errc() || end != digits.data() + digits.size() || value == 0)
    return std::nullopt;
  const node_id node{value};
  return text == text_of(node) ? std::optional(node) : std::nullopt;
}

}  // namespace

node_identity identify(const std::string& data_dir, const std::function<std::uint64_t()>& random) {
  const auto file = storage::read_small_file(data_dir, file_name);
  if (!file.error.empty()) return {cluster::no_node, false, file.error};
  if (file.there) {
    if (const auto node = parse(file.text)) return {*node, false, {}};
    return {cluster::no_node, false,
            "The file " + data_dir + "/" + file_name +
                " is damaged or of a newer version of Troupe: it names this node in its cluster. "
                "Restore it from a backup or, with the id that `troupectl cluster show` tells on "
                "another node, by hand; or evict this node from the cluster and move its data "
                "directory away."};
  }
  node_id node = cluster::no_node;
  while (node == cluster::no_node) node = node_id{random()};
  if (auto error = storage::replace_small_file(data_dir, file_name, text_of(node)); !error.empty())
    return {cluster::no_node, false, std::move(error)};
  return {node, true, {}};
}

std::uint64_t kernel_random() {
  std::uint64_t value = 0;
  while (::getrandom(&value, sizeof value, 0) != sizeof value) {
  }
  return value;
}

}  // namespace troupe::node
