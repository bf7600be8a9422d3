#include "protocol/session/rare_list.hpp"

#include <memory>
#include <utility>
#include <vector>

#include "tests/support/catch.hpp"

namespace troupe::session {
namespace {

template <class T>
std::vector<T> all(const rare_list<T>& list) {
  return {list.begin(), list.end()};
}

TEST_CASE("A rare list takes one pointer, and keeps no memory once it is empty") {
  STATIC_REQUIRE(sizeof(rare_list<int>) == sizeof(void*));
  rare_list<std::shared_ptr<int>> list;
  REQUIRE(list.empty());
  REQUIRE(list.size() == 0);
  REQUIRE(list.begin() == list.end());
  const auto first = std::make_shared<int>(1);
  list.push_back(first);
  REQUIRE(first.use_count() == 2);
  list.pop_front();
  REQUIRE(list.empty());
  REQUIRE(list.begin() == nullptr);
  REQUIRE(first.use_count() == 1);
}

TEST_CASE("A rare list keeps the order of what is not erased") {
  rare_list<int> list;
  REQUIRE(list.erase_if([](int) { return true; }) == 0);
  for (int i = 1; i <= 5; ++i) list.push_back(i);
  list.erase(list.begin() + 2);
  REQUIRE(all(list) == std::vector<int>{1, 2, 4, 5});
  REQUIRE(list.erase_if([](int i) { return i % 2 == 0; }) == 2);
  REQUIRE(all(list) == std::vector<int>{1, 5});
  REQUIRE(list.front() == 1);
  auto taken = std::exchange(list, {});
  REQUIRE(list.empty());
  REQUIRE(taken.size() == 2);
  REQUIRE(taken.erase_if([](int) { return true; }) == 2);
  REQUIRE(taken.empty());
}

}  // namespace
}  // namespace troupe::session
