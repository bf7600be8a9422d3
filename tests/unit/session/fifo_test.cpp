#include "protocol/session/fifo.hpp"

#include <algorithm>
#include <deque>
#include <memory>
#include <random>
#include <vector>

#include "tests/support/catch.hpp"

namespace troupe::session {
namespace {

using item = std::unique_ptr<int>;

std::vector<int> values(const fifo<item>& of) {
  std::vector<int> all;
  for (const auto& each : of) all.push_back(*each);
  return all;
}

TEST_CASE("a fifo gives what was put in, around the end of its ring and while it grows",
          "[session]") {
  const auto seed = GENERATE(range(1U, 21U));
  std::mt19937 random(seed);
  fifo<item> queue;
  std::deque<int> model;
  for (int step = 0; step < 2000; ++step) {
    // Of each two hundred steps, half fill and half empty it.
    const bool put = random() % 100 < (step % 200 < 100 ? 70U : 30U);
    if (put || model.empty()) {
      CHECK(*queue.emplace_back(std::make_unique<int>(step)) == step);
      model.push_back(step);
    } else {
      CHECK(*queue.front() == model.front());
      queue.pop_front();
      model.pop_front();
    }
    REQUIRE(queue.size() == model.size());
    REQUIRE(queue.empty() == model.empty());
    if (model.empty()) continue;
    CHECK(*queue.back() == model.back());
    const auto at = random() % model.size();
    CHECK(*queue[at] == model[at]);
  }
  CHECK(std::ranges::equal(values(queue), model));
}

TEST_CASE("a fifo is searched like any sequence", "[session]") {
  fifo<int> queue;
  for (int i = 0; i < 6; ++i) queue.push_back(int{i});
  for (int i = 0; i < 5; ++i) queue.pop_front();
  for (int i = 6; i < 12; ++i) queue.push_back(int{i});  // over the end
  CHECK(*std::lower_bound(queue.begin(), queue.end(), 9) == 9);
  CHECK(std::find(queue.begin(), queue.end(), 4) == queue.end());
  CHECK(queue.end() - queue.begin() == 7);
  CHECK(*(queue.begin() + 3) == 8);
}

TEST_CASE("a fifo that is moved or cleared lets go of each item once", "[session]") {
  auto counted = std::make_shared<int>(0);
  fifo<std::shared_ptr<int>> queue;
  for (int i = 0; i < 100; ++i) queue.push_back(std::shared_ptr<int>(counted));
  for (int i = 0; i < 40; ++i) queue.pop_front();
  CHECK(counted.use_count() == 61);
  fifo<std::shared_ptr<int>> other;
  other.push_back(std::shared_ptr<int>(counted));
  other = std::move(queue);
  CHECK(counted.use_count() == 61);
  CHECK(other.size() == 60);
  other.clear();
  CHECK(other.empty());
  CHECK(counted.use_count() == 1);
  other.push_back(std::shared_ptr<int>(counted));
  CHECK(counted.use_count() == 2);
}

}  // namespace
}  // namespace troupe::session
