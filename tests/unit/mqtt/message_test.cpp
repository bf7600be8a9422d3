#include "protocol/mqtt/message.hpp"

#include "tests/support/catch.hpp"

using namespace troupe;

TEST_CASE("a message knows when it was received, and if it is timed to the microsecond") {
  mqtt::message::fields f;
  f.topic = "t";
  f.received_at = 1'700'000'000'123;
  const auto plain = mqtt::message::make(f);
  CHECK(plain->received_at() == 1'700'000'000'123);
  CHECK_FALSE(plain->timed());
  CHECK_FALSE(plain->of_another_node());

  for (const std::int64_t us : {0, 1, 998, 999}) {
    f.timed_at = 1'700'000'000'123'000 + us;
    for (const bool other : {false, true}) {
      f.of_another_node = other;
      const auto timed = mqtt::message::make(f);
      CHECK(timed->received_at() == 1'700'000'000'123);
      CHECK(timed->timed());
      CHECK(timed->timed_at() == f.timed_at);
      CHECK(timed->of_another_node() == other);
      // A copy that goes on later is not.
      CHECK_FALSE(mqtt::message::make(timed->to_fields())->timed());
    }
  }
}
