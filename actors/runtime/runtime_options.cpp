#include "actors/runtime/runtime_options.hpp"

#include "actors/runtime/loop_coordinator.hpp"

#include <utility>

namespace troupe::runtime {

runtime_config::runtime_config(runtime_options x) : runtime(std::move(x)) {
  load<loop_coordinator>();
}

}  // namespace troupe::runtime
