#include "cluster/map/readiness.hpp"

namespace troupe::cluster {

std::vector<std::string> reasons_against(const sight& of) {
  if (!of.formed && (of.placed || of.expected <= 1))
    return {"This node is no member of a cluster yet"};
  if (!of.placed && of.members < of.expected)
    return {"The cluster has " + std::to_string(of.members) + " of " + std::to_string(of.expected) +
            " members that bootstrap_expect asks for"};
  std::vector<std::string> reasons;
  if (!of.majority) reasons.emplace_back("No majority of the cluster is in sight");
  if (!of.placed)
    reasons.emplace_back("The shards are not placed yet");
  else if (of.ownerless != 0)
    reasons.push_back("Shards without an owner: " + std::to_string(of.ownerless));
  return reasons;
}

}  // namespace troupe::cluster
