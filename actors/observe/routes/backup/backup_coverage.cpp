#include "actors/observe/routes/backup/backup_coverage.hpp"

#include <algorithm>
#include <cstddef>

namespace troupe::observe {
namespace {

std::string list_of(const std::vector<std::size_t>& shards) {
  constexpr std::size_t most = 10;
  std::string text;
  for (std::size_t i = 0; i < std::min(shards.size(), most); ++i)
    text += (i == 0 ? "" : ", ") + std::to_string(shards[i]);
  if (shards.size() > most) text += " and " + std::to_string(shards.size() - most) + " more";
  return text;
}

}  // namespace

backup_coverage coverage_of(const std::vector<shard_view>& shards,
                            const std::set<std::string>& copied) {
  if (shards.empty())
    return {false, "NOT SUFFICIENT: the shards are not placed yet, nothing tells where they are."};
  std::vector<std::size_t> none;
  std::vector<std::size_t> few;
  for (const auto& each : shards) {
    const auto have = static_cast<std::size_t>(std::ranges::count_if(
        each.replicas, [&](const std::string& name) { return copied.contains(name); }));
    if (have == 0)
      none.push_back(each.shard);
    else if (have * 2 <= each.replicas.size())
      few.push_back(each.shard);
  }
  if (none.empty() && few.empty())
    return {true, "What was acknowledged before is in these copies together."};
  std::string why = "NOT SUFFICIENT:";
  if (!none.empty()) why += " no replica was copied of shards " + list_of(none) + ".";
  if (!few.empty())
    why += " Fewer than a majority of the replicas were copied of shards " + list_of(few) +
           ": what was acknowledged shortly before may be missing.";
  return {false, why};
}

}  // namespace troupe::observe
