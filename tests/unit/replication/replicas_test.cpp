#include "actors/replication/shard_gate.hpp"
#include "actors/replication/transfer/transfer_frame.hpp"
#include "tests/unit/replication/replica_rig.hpp"
#include "tests/unit/storage/store_fixture.hpp"

#include <chrono>

namespace troupe::replication::test {
namespace {

using storage::test::terms_of;
using storage::test::text;

constexpr auto shard = static_cast<shard_id>(1);

/// Commits a message of so many bytes; the sentence of a refusal.
std::string commit(replica_rig& rig, std::size_t at, std::size_t bytes, std::uint64_t session = 1) {
  std::optional<storage::commit_result> got;
  storage::transaction writes;
  writes.owe({shard, session}, terms_of(), *text("t", std::string(bytes, 'x')),
             {shard, rig.at(at).offsets[1]++});
  rig.at(at).parts->store().commit(std::move(writes),
                                   [&](const storage::commit_result& result) { got = result; });
  REQUIRE(rig.run_until([&] { return got.has_value(); }));
  return got->ok ? std::string{} : got->error;
}

std::size_t owner_of(replica_rig& rig) {
  REQUIRE(rig.run_until([&] { return rig.owner(1).has_value(); }));
  return *rig.owner(1);
}

bool same_everywhere(replica_rig& rig) {
  const auto first = rig.checksum(0, 1);
  for (std::size_t i = 1; i < rig.nodes(); ++i) {
    const auto other = rig.checksum(i, 1);
    if (other.failed || other.content != first.content) return false;
  }
  return !first.failed;
}

}  // namespace

TEST_CASE("one node alone owns and commits", "[replication]") {
  replica_rig rig(1, 1);
  rig.start_all();
  const auto at = owner_of(rig);
  CHECK(commit(rig, at, 10).empty());
  CHECK(commit(rig, at, 30'000).find("larger") != std::string::npos);
  CHECK(rig.at(at).parts->store().backlog_bytes() == 0);
  rig.kill(at);
  rig.start(at, rig.all());
  CHECK(commit(rig, owner_of(rig), 10).empty());
  CHECK(rig.checksum(0, 1).messages == 2);
}

TEST_CASE("who does not own a shard refuses", "[replication]") {
  replica_rig rig(2);
  rig.start_all();
  const auto at = owner_of(rig);
  const auto other = (at + 1) % rig.nodes();
  CHECK(commit(rig, other, 10).find("does not own") != std::string::npos);
  std::optional<storage::commit_result> got;
  storage::transaction writes;
  writes.owe({shard, 1}, terms_of(), *text("t", "x"), {shard, 1});
  writes.epoch(rig.at(at).epochs[1] + 1);
  rig.at(at).parts->store().commit(std::move(writes),
                                   [&](const storage::commit_result& result) { got = result; });
  REQUIRE(rig.run_until([&] { return got.has_value(); }));
  CHECK_FALSE(got->ok);
  CHECK(got->not_owner);
  CHECK(commit(rig, at, 10).empty());
}

TEST_CASE("leadership is handed over", "[replication]") {
  replica_rig rig(3);
  rig.start_all();
  const auto at = owner_of(rig);
  const auto to = (at + 1) % rig.nodes();
  std::optional<cluster::raft::outcome> how;
  rig.at(at).parts->transfer(shard, rig.id_of(to), [&](auto x) { how = x; });
  REQUIRE(rig.run_until([&] { return how.has_value(); }));
  CHECK(*how == cluster::raft::outcome::done);
  REQUIRE(rig.run_until([&] { return rig.owner(1) == to; }));
  CHECK(commit(rig, to, 10).empty());
}

TEST_CASE("a large state comes in many chunks, some of them lost", "[replication]") {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    replica_rig rig(seed);
    rig.start_all();
    (void)owner_of(rig);
    rig.kill(2);
    for (unsigned n = 0; n < 120; ++n) REQUIRE(commit(rig, owner_of(rig), 15'000, n % 7 + 1).empty());
    rig.net.lost = 0.2;
    rig.start(2, rig.all());
    // Whoever sends it dies in the middle of one.
    REQUIRE(rig.run_until([&] { return rig.at(2).store->marks(shard).incomplete; }));
    if (seed % 2 == 0) rig.kill(owner_of(rig));
    if (seed == 5) {
      rig.kill(2);
      rig.start(2, rig.all());
    }
    rig.run(300);
    for (std::size_t i = 0; i < rig.nodes(); ++i)
      if (!rig.up(i)) rig.start(i, rig.all());
    INFO(seed << "\n" << rig.describe());
    rig.run(1200);
    REQUIRE(rig.run_until([&] { return rig.settled(); }, 60'000));
    CHECK(rig.checksum(2, 1).messages == 120);
    CHECK(same_everywhere(rig));
    CHECK(rig.violation == "");
  }
}

TEST_CASE("a store that cannot write gives up its shards, and comes back", "[replication]") {
  replica_rig rig(4);
  rig.start_all();
  const auto at = owner_of(rig);
  CHECK(commit(rig, at, 10).empty());
  rig.at(at).disk.full("/store");
  CHECK_FALSE(commit(rig, at, 10).empty());
  REQUIRE(rig.run_until([&] { return rig.owner(1) && rig.owner(1) != at; }));
  CHECK(commit(rig, *rig.owner(1), 10).empty());
  rig.at(at).disk.full("");
  // The store tries again after a second of the real clock.
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  do {
    rig.run(1200);
  } while (!rig.settled() && std::chrono::steady_clock::now() < limit);
  INFO(rig.describe());
  CHECK(rig.settled());
  CHECK(same_everywhere(rig));
  CHECK(rig.violation == "");
}

TEST_CASE("a stopped replica is forgotten", "[replication]") {
  replica_rig rig(5);
  rig.start_all();
  const auto at = owner_of(rig);
  CHECK(commit(rig, at, 10).empty());
  bool stopped = false;
  rig.at(at).parts->stop_group(shard, true, [&] { stopped = true; });
  REQUIRE(rig.run_until([&] { return stopped; }));
  CHECK(rig.at(at).store->marks(shard) == storage::shard_marks{});
  CHECK(rig.at(at).log->load(replication_context::group_of(shard)).content.empty());
  REQUIRE(rig.run_until([&] { return rig.owner(1) && rig.owner(1) != at; }));
}

TEST_CASE("reads wait for the commits before them", "[replication]") {
  shard_gate gate;
  std::vector<int> ran;
  CHECK_FALSE(gate.after_commits([&](bool) { ran.push_back(0); }));
  waiting_commit silent;
  silent.bytes = "a";
  CHECK(gate.give(silent) == shard_gate::call::later);
  CHECK(gate.give(silent) == shard_gate::call::no);
  CHECK(gate.after_commits([&](bool) { ran.push_back(2); }));
  waiting_commit loud;
  loud.bytes = "b";
  loud.done = [](const storage::commit_result&) {};
  CHECK(gate.give(loud) == shard_gate::call::no);  // the read has called already
  std::vector<waiting_commit> taken;
  gate.take(taken);
  REQUIRE(taken.size() == 3);
  gate.answered(taken[1].ticket);
  gate.answered(taken[2].ticket);
  CHECK(ran == std::vector<int>{0});
  CHECK_FALSE(gate.quiet());
  gate.answered(taken[0].ticket);
  CHECK(ran == std::vector<int>{0, 2});
  CHECK(gate.quiet());
}

TEST_CASE("frames of a transfer are read as they were written", "[replication]") {
  transfer_frame frame;
  frame.what = transfer_frame::kind::chunk;
  frame.shard = shard;
  frame.transfer = 77;
  frame.number = 5;
  frame.window = 4;
  frame.last = true;
  frame.bytes = "content";
  const auto bytes = frame.encode();
  REQUIRE(transfer_frame::is_one(bytes));
  const auto back = transfer_frame::decode(bytes);
  REQUIRE(back);
  CHECK(back->what == frame.what);
  CHECK(back->shard == shard);
  CHECK(back->transfer == 77);
  CHECK(back->number == 5);
  CHECK(back->last);
  CHECK(back->bytes == "content");
  for (std::size_t size = 0; size < bytes.size() - frame.bytes.size(); ++size)
    CHECK_FALSE(transfer_frame::decode(std::string_view(bytes).substr(0, size)));
}

}  // namespace troupe::replication::test
