#include "cluster/raft/configuration.hpp"
#include "cluster/raft/group.hpp"
#include "cluster/raft/wire.hpp"
#include "tests/support/catch.hpp"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

/// What libraft would do wrong, played to one server by hand. The table is in the README.
namespace troupe::cluster::raft {
namespace {

constexpr node_id self{1};
constexpr node_id second{2};
constexpr node_id third{3};

struct server final : group_host {
  server() {
    group_settings settings;
    settings.self = self;
    one = std::make_unique<raft::group>(settings, *this);
    storage::raft_log_batch unused;
    (void)group::bootstrap({{self}, {second}, {third}}, content, unused);
  }
  void command(term_no term, std::string bytes) {
    content.entries.push_back({term, storage::raft_entry_kind::command, std::move(bytes)});
    content.term = std::max(content.term, term);
  }
  void start(log_index state = 0) { REQUIRE(one->start(now, content, state).empty()); }
  void write_all() { one->written(now, last_batch); }

  void receive(node_id from, const raft_message& message, time_ms stamp = 1) {
    std::string bytes;
    wire::encode(message, stamp, bytes);
    one->receive(now, from, bytes);
  }
  void append(node_id from, raft_append_entries args, std::vector<term_no> terms = {}) {
    std::vector<raft_entry> entries(terms.size());
    std::string body = "body";
    for (std::size_t i = 0; i < terms.size(); ++i) {
      entries[i].term = terms[i];
      entries[i].type = RAFT_COMMAND;
      entries[i].buf = {body.data(), body.size()};
    }
    args.entries = entries.data();
    args.n_entries = static_cast<unsigned>(entries.size());
    raft_message message{};
    message.type = RAFT_IO_APPEND_ENTRIES;
    message.append_entries = args;
    receive(from, message);
  }
  void result(node_id from, raft_append_entries_result args) {
    raft_message message{};
    message.type = RAFT_IO_APPEND_ENTRIES_RESULT;
    message.append_entries_result = args;
    receive(from, message);
  }
  void vote(node_id from, term_no term, bool pre_vote) {
    raft_message message{};
    message.type = RAFT_IO_REQUEST_VOTE_RESULT;
    message.request_vote_result = {term, true, TO_RAFT_TRIBOOL(pre_vote)};
    receive(from, message);
  }
  /// The results that were sent since the last call.
  std::vector<raft_append_entries_result> answers() {
    std::vector<raft_append_entries_result> out;
    for (const auto& bytes : std::exchange(sent, {})) {
      wire::incoming in;
      REQUIRE(in.decode(second, bytes));
      if (in.message.type == RAFT_IO_APPEND_ENTRIES_RESULT) {
        out.push_back(in.message.append_entries_result);
      }
    }
    return out;
  }

  void send(node_id, std::string message) override { sent.push_back(std::move(message)); }
  void write(std::uint64_t number, storage::raft_log_batch) override { last_batch = number; }
  void apply(log_index index, term_no, std::string_view) override { applied.push_back(index); }
  void owned(term_no) override { owner = true; }
  void disowned(term_no) override { owner = false; }
  void leader_changed(node_id, term_no) override {}
  void members_changed(const membership&) override {}
  std::string snapshot_reference(log_index, term_no) override { return {}; }
  void snapshot_wanted(node_id, log_index, term_no, std::string_view) override {}
  void snapshot_offered(node_id, log_index, term_no, std::string_view) override {}
  void failed(const std::string& why) override { FAIL(why); }

  storage::raft_log_content content;
  std::unique_ptr<raft::group> one;
  time_ms now = 10'000;
  std::uint64_t last_batch = 0;
  std::vector<std::string> sent;
  std::vector<log_index> applied;
  bool owner = false;
};

}  // namespace

TEST_CASE("an entry of an earlier term is not committed by counting", "[guards]") {
  server it;
  it.command(2, "old");  // index 2
  it.start();
  it.one->tick(it.now += 2000);
  it.vote(second, 3, true);
  it.write_all();
  it.vote(second, 3, false);
  REQUIRE(it.one->role() == role::leader);
  // Both others have the old entry; the leader's own first one, at 3, is not on the disk.
  it.result(second, {3, 0, 2});
  it.result(third, {3, 0, 2});
  CHECK(it.applied.empty());
  it.write_all();
  CHECK(it.applied.empty());
  it.result(second, {3, 0, 3});
  CHECK(it.applied == std::vector<log_index>{2});
  CHECK_FALSE(it.owner);
  it.one->applied(it.now, 2, 2);
  CHECK(it.owner);
}

TEST_CASE("a follower answers for what the leader has checked, not for all that it has",
          "[guards]") {
  server it;
  it.command(2, "same");
  it.command(2, "other");
  it.command(2, "other");  // 3 and 4 the new leader has never had
  it.start();
  it.append(second, {3, 2, 2, 2, nullptr, 0});
  const auto answers = it.answers();
  REQUIRE(answers.empty());  // the new term is not on the disk yet
  it.write_all();
  const auto later = it.answers();
  REQUIRE(later.size() == 1);
  CHECK(later[0].rejected == 0);
  CHECK(later[0].last_log_index == 2);
}

TEST_CASE("what was written for one leader is not answered to the next", "[guards]") {
  server it;
  it.start();
  it.append(second, {2, 1, 1, 1, nullptr, 0}, {2, 2});  // 2 and 3, on their way to the disk
  it.append(third, {3, 1, 1, 1, nullptr, 0});
  it.write_all();
  for (const auto& answer : it.answers()) {
    CHECK((answer.term < 3 || answer.rejected > 0 || answer.last_log_index <= 1));
  }
}

TEST_CASE("entries of a new leader wait for those of the old one", "[guards]") {
  server it;
  it.start();
  it.append(second, {2, 1, 1, 1, nullptr, 0}, {2, 2});
  it.append(third, {3, 1, 1, 1, nullptr, 0}, {3});
  CHECK(it.one->figures().last == 3);
  it.write_all();
  it.append(third, {3, 1, 1, 1, nullptr, 0}, {3});
  CHECK(it.one->figures().last == 2);
}

TEST_CASE("entries before the log's beginning are not put at its end", "[guards]") {
  server it;
  it.content.term = 2;
  it.content.entries.clear();
  it.content.snapshot = storage::raft_log_snapshot{
      10, 2, 1, encode_configuration({{self}, {second}, {third}}), "state"};
  it.content.first = 11;
  it.start(10);
  std::vector<term_no> terms(12, 2);
  it.append(second, {2, 0, 0, 12, nullptr, 0}, terms);  // 1 to 12
  it.write_all();
  CHECK(it.one->figures().last == 12);
  CHECK(it.applied == std::vector<log_index>{11, 12});
  const auto answers = it.answers();
  REQUIRE_FALSE(answers.empty());
  CHECK(answers.back().last_log_index == 12);
}

TEST_CASE("a membership that was never committed is taken back after a restart", "[guards]") {
  server it;
  it.content.entries.push_back(
      {2, storage::raft_entry_kind::configuration, encode_configuration({{self}, {second}})});
  it.content.term = 2;
  it.start();
  CHECK(it.one->members().size() == 2);
  it.append(third, {3, 1, 1, 1, nullptr, 0}, {3});
  it.write_all();
  CHECK(it.one->members().size() == 3);
}

TEST_CASE("a server that has just started gives its vote to nobody", "[guards]") {
  server it;
  it.start();
  raft_message message{};
  message.type = RAFT_IO_REQUEST_VOTE;
  message.request_vote = {5, 2, 10, 4, false, false};
  it.receive(second, message);
  it.write_all();
  CHECK(it.sent.empty());
  it.now += 1000;
  it.receive(second, message);
  CHECK(it.sent.empty());  // the vote is not on the disk
  it.write_all();
  CHECK(it.sent.size() == 1);
}

}  // namespace troupe::cluster::raft
