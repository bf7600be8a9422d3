#include "tests/support/catch.hpp"
#include "tests/unit/session/outbound_world.hpp"

namespace troupe::session::test {

TEST_CASE("Whatever breaks, a client gets all it is owed, in order, QoS 2 once, within its window") {
  for (std::uint32_t seed = 1; seed <= 2000; ++seed) {
    outbound_world world(seed);
    try {
      for (int step = 0; step < 400; ++step) world.step();
      world.finish();
    } catch (const violation& broken) {
      FAIL("seed " << seed << ": " << broken.what() << "\n" << world.story());
    }
  }
}

}  // namespace troupe::session::test
