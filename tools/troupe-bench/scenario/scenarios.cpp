#include "tools/troupe-bench/scenario/scenarios.hpp"

namespace troupe::bench {

report run(const options& given) {
  switch (given.run) {
    case scenario::connect:
      return run_connect(given);
    case scenario::idle:
      return run_idle(given);
    case scenario::offline:
      return run_offline(given);
    case scenario::retained:
      return run_retained(given);
    case scenario::reconnect:
      return run_reconnect(given);
    default:
      return run_traffic(given);
  }
}

}  // namespace troupe::bench
