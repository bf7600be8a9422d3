#include "cluster/membership/hearing.hpp"

#include "tests/support/catch.hpp"
#include "tests/unit/cluster/members.hpp"

using namespace members;
using troupe::cluster::hearing;
using troupe::cluster::no_node;
using troupe::cluster::node_id;

namespace {

const std::set<node_id> three{id(1), id(2), id(3)};
const std::vector<node_id> others{id(2), id(3)};

}  // namespace

TEST_CASE("who hears more members than this node is found, when that has lasted") {
  hearing of(id(1));
  of.peer(id(2), true, 0);
  of.peer(id(3), true, 0);
  of.says(id(2), {id(1), id(3)}, 10);
  of.says(id(3), {id(1), id(2)}, 20);
  CHECK(of.count(id(1), three) == 3);
  CHECK(of.better(others, three, 10'000, 2'000) == no_node);
  // It loses sight of the second.
  of.peer(id(2), false, 10'000);
  of.says(id(3), {id(1), id(2)}, 10'100);  // no news
  CHECK(of.count(id(1), three) == 2);
  CHECK(of.better(others, three, 11'999, 2'000) == no_node);
  CHECK(of.better(others, three, 12'000, 2'000) == id(3));
  CHECK(of.better({id(2)}, three, 12'000, 2'000) == no_node);
  // The second is dead: the third does not hear it either.
  of.says(id(3), {id(1)}, 12'000);
  CHECK(of.better(others, three, 20'000, 2'000) == no_node);
}

TEST_CASE("what a peer said counts while it is heard, and only members count") {
  hearing of(id(1));
  of.says(id(3), {id(1), id(2)}, 0);
  CHECK(of.count(id(3), three) == 1);
  of.peer(id(3), true, 0);
  of.says(id(3), {id(1), id(8), id(9)}, 0);
  CHECK(of.count(id(3), three) == 2);
  CHECK(of.better({id(3)}, three, 10'000, 0) == no_node);
  of.peer(id(3), false, 0);
  of.peer(id(3), true, 0);
  CHECK(of.count(id(3), three) == 1);
}
