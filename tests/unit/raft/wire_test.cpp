#include "cluster/raft/wire.hpp"

#include "cluster/raft/bytes.hpp"
#include "cluster/raft/configuration.hpp"
#include "cluster/raft/group.hpp"
#include "tests/support/catch.hpp"

#include <cstring>
#include <random>
#include <string>
#include <vector>

namespace troupe::cluster::raft {
namespace {

raft_message append_message(std::vector<raft_entry>& entries) {
  raft_message out{};
  out.type = RAFT_IO_APPEND_ENTRIES;
  out.append_entries = {9, 100, 7, 99, entries.data(), static_cast<unsigned>(entries.size())};
  return out;
}

raft_entry entry_of(raft_term term, unsigned short type, std::string& bytes) {
  raft_entry out{};
  out.term = term;
  out.type = type;
  out.buf = {bytes.data(), bytes.size()};
  return out;
}

std::string text(const raft_buffer& from) {
  return {static_cast<const char*>(from.base), from.len};
}

/// One of each type.
std::vector<std::string> samples() {
  std::vector<std::string> out;
  std::string first = "first";
  std::string none;
  auto conf = encode_configuration({{node_id{5}}, {node_id{77}, member_role::standby}});
  std::vector<raft_entry> entries{entry_of(7, RAFT_COMMAND, first), entry_of(8, RAFT_BARRIER, none),
                                  entry_of(9, RAFT_CHANGE, conf)};
  wire::encode(append_message(entries), 1234, out.emplace_back());
  raft_message message{};
  message.type = RAFT_IO_APPEND_ENTRIES_RESULT;
  message.append_entries_result = {9, 0, 103};
  wire::encode(message, 1234, out.emplace_back());
  message.type = RAFT_IO_REQUEST_VOTE;
  message.request_vote = {10, 42, 103, 9, true, false};
  wire::encode(message, 0, out.emplace_back());
  message.type = RAFT_IO_REQUEST_VOTE_RESULT;
  message.request_vote_result = {10, true, raft_tribool_true};
  wire::encode(message, 0, out.emplace_back());
  message.type = RAFT_IO_TIMEOUT_NOW;
  message.timeout_now = {10, 103, 9};
  wire::encode(message, 0, out.emplace_back());
  message.type = RAFT_IO_INSTALL_SNAPSHOT;
  std::string reference = "at 100";
  message.install_snapshot = {10, 100, 9, {}, 50, {reference.data(), reference.size()}};
  make_configuration({{node_id{5}}, {node_id{6}}}, message.install_snapshot.conf);
  wire::encode(message, 0, out.emplace_back());
  raft_configuration_close(&message.install_snapshot.conf);
  return out;
}

/// A group that is alone; what it says is of no interest.
struct silent_host final : group_host {
  void send(node_id, std::string) override {}
  void write(std::uint64_t number, storage::raft_log_batch) override { last = number; }
  void apply(log_index, term_no, std::string_view) override {}
  void owned(term_no) override {}
  void disowned(term_no) override {}
  void leader_changed(node_id, term_no) override {}
  void members_changed(const membership&) override {}
  std::string snapshot_reference(log_index, term_no) override { return {}; }
  void snapshot_wanted(node_id, log_index, term_no, std::string_view) override {}
  void snapshot_offered(node_id, log_index, term_no, std::string_view) override {}
  void failed(const std::string&) override { failures++; }
  std::uint64_t last = 0;
  int failures = 0;
};

}  // namespace

TEST_CASE("messages come back as they were", "[wire]") {
  const auto bytes = samples();
  wire::incoming in;
  REQUIRE(in.decode(node_id{42}, bytes[0]));
  const auto& append = in.message.append_entries;
  CHECK(in.from() == node_id{42});
  CHECK(in.stamp == 1234);
  CHECK(append.term == 9);
  CHECK(append.prev_log_index == 100);
  CHECK(append.prev_log_term == 7);
  CHECK(append.leader_commit == 99);
  REQUIRE(append.n_entries == 3);
  CHECK(text(append.entries[0].buf) == "first");
  CHECK(append.entries[1].type == RAFT_BARRIER);
  CHECK(append.entries[1].buf.len == 0);
  CHECK(append.entries[0].batch == append.entries[2].batch);
  const auto members = decode_configuration(text(append.entries[2].buf));
  REQUIRE(members);
  CHECK(members->at(1) == member{node_id{77}, member_role::standby});

  REQUIRE(in.decode(node_id{42}, bytes[1]));
  CHECK(in.message.append_entries_result.last_log_index == 103);
  CHECK(in.stamp == 1234);
  REQUIRE(in.decode(node_id{42}, bytes[2]));
  CHECK(in.message.request_vote.disrupt_leader);
  CHECK_FALSE(in.message.request_vote.pre_vote);
  CHECK_FALSE(in.decode(node_id{41}, bytes[2]));  // it is another one's candidacy
  REQUIRE(in.decode(node_id{42}, bytes[3]));
  CHECK(in.message.request_vote_result.vote_granted);
  CHECK(in.message.request_vote_result.pre_vote == raft_tribool_true);
  REQUIRE(in.decode(node_id{42}, bytes[4]));
  CHECK(in.message.timeout_now.last_log_index == 103);
  REQUIRE(in.decode(node_id{42}, bytes[5]));
  CHECK(text(in.message.install_snapshot.data) == "at 100");
  CHECK(membership_of(in.message.install_snapshot.conf).size() == 2);
}

TEST_CASE("configurations are libraft's own, byte for byte", "[wire]") {
  const membership members{{node_id{1}}, {node_id{0xFFFFFFFFFFFFFFFF}, member_role::spare}};
  raft_configuration conf;
  make_configuration(members, conf);
  raft_buffer encoded{};
  REQUIRE(raft_configuration_encode(&conf, &encoded) == 0);
  // What fills up the last eight bytes libraft leaves as it is.
  const auto ours = encode_configuration(members);
  CHECK(encoded.len == ours.size());
  CHECK(text(encoded).substr(0, ours.size() - 7) == ours.substr(0, ours.size() - 7));
  CHECK(decode_configuration(text(encoded)) == members);
  raft_free(encoded.base);
  raft_configuration_close(&conf);
}

TEST_CASE("a message that is cut short or longer is refused", "[wire]") {
  for (const auto& bytes : samples()) {
    wire::incoming in;
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      CHECK_FALSE(in.decode(node_id{42}, std::string_view(bytes).substr(0, size)));
    }
    CHECK_FALSE(in.decode(node_id{42}, bytes + "x"));
    CHECK_FALSE(in.decode(node_id{42}, "\x02" + bytes.substr(1)));
  }
}

TEST_CASE("a group survives bytes that nobody meant", "[wire]") {
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    silent_host host;
    group_settings settings;
    settings.self = node_id{5};
    group one(settings, host);
    storage::raft_log_content content;
    storage::raft_log_batch batch;
    REQUIRE(group::bootstrap({{node_id{5}}, {node_id{42}}, {node_id{6}}}, content, batch));
    REQUIRE(one.start(1, content, 0).empty());
    time_ms now = 5000;
    for (int i = 0; i < 60; ++i) {
      auto bytes = samples()[random() % 6];
      for (auto flips = random() % 4; flips > 0; --flips) {
        bytes[random() % bytes.size()] = static_cast<char>(random() % 4 == 0 ? random() : 0);
      }
      one.receive(now, node_id{random() % 2 == 0 ? 42U : 6U}, bytes);
      one.written(now, host.last);
      one.tick(now += random() % 500);
    }
  }
}

TEST_CASE("a group may begin behind a state that all its members have", "[raft]") {
  silent_host host;
  group_settings settings;
  settings.self = node_id{5};
  storage::raft_log_content content;
  storage::raft_log_batch batch;
  REQUIRE_FALSE(group::bootstrap_behind({}, 1, 1, content, batch));
  REQUIRE_FALSE(group::bootstrap_behind({{node_id{5}}}, 0, 1, content, batch));
  REQUIRE(group::bootstrap_behind({{node_id{5}}}, 7, 3, content, batch));
  CHECK_FALSE(batch.empty());
  {
    group without(settings, host);
    CHECK_FALSE(without.start(1, content, 6).empty());
  }
  group one(settings, host);
  REQUIRE(one.start(1, content, 7).empty());
  CHECK(one.members() == membership{{node_id{5}}});
  time_ms now = 1;
  log_index at = 0;
  for (int i = 0; i < 100 && at == 0; ++i) {
    one.tick(now += 100);
    one.written(now, host.last);
    one.propose("x", [&](outcome how, log_index index) { at = how == outcome::done ? index : 0; });
    one.flush(now);
    one.written(now, host.last);
  }
  CHECK(one.role() == role::leader);
  CHECK(one.term() >= 3);
  CHECK(at > 7);
}

}  // namespace troupe::cluster::raft
