#include "actors/broker/inspect/cluster_questions.hpp"

#include "protocol/schema/admin.pb.h"

#include <utility>
#include <vector>

namespace troupe::broker {
namespace {

// The first byte of a frame; numbers are never used again for another meaning.
constexpr char question_kind = 1;
constexpr char answer_kind = 2;
constexpr char shared_kind = 3;

constexpr std::size_t longest_question = 64 * 1024;

std::string frame_of(char kind, const google::protobuf::MessageLite& content) {
  std::string out(1, kind);
  content.AppendToString(&out);
  return out;
}

}  // namespace

std::uint64_t cluster_questions::ask(cluster::node_id node, const observe::admin_question& question,
                                     answered done) {
  peer::AdminQuestion frame;
  frame.set_what(question.what);
  for (const auto& [name, value] : question.terms) (*frame.mutable_terms())[name] = value;
  frame.set_after(question.after);
  frame.set_limit(question.limit);
  {
    const std::lock_guard lock(state_->mutex);
    frame.set_request(state_->next++);
    state_->asked[frame.request()] = {node, std::move(done)};
  }
  if (!net_.send(node, {cluster::channel::admin, frame_of(question_kind, frame), nullptr, false})) {
    if (const auto lost = take_out(frame.request(), node)) lost(nullptr);
  }
  return frame.request();
}

cluster_questions::answered cluster_questions::take_out(std::uint64_t request,
                                                        cluster::node_id from) {
  const std::lock_guard lock(state_->mutex);
  const auto it = state_->asked.find(request);
  if (it == state_->asked.end() || it->second.node != from) return nullptr;
  auto done = std::move(it->second.done);
  state_->asked.erase(it);
  return done;
}

void cluster_questions::give_up(std::uint64_t request) {
  answered last;  // let go of without the lock
  const std::lock_guard lock(state_->mutex);
  const auto it = state_->asked.find(request);
  if (it == state_->asked.end()) return;
  last = std::move(it->second.done);
  state_->asked.erase(it);
}

void cluster_questions::tell_all(const std::string& text) {
  std::set<cluster::node_id> up;
  {
    const std::lock_guard lock(state_->mutex);
    up = state_->up;
  }
  for (const auto node : up)
    net_.send(node, {cluster::channel::admin, std::string(1, shared_kind) + text, nullptr, false});
}

void cluster_questions::peer_up(cluster::node_id peer, std::uint64_t) {
  {
    const std::lock_guard lock(state_->mutex);
    state_->up.insert(peer);
  }
  if (!shared_.all) return;
  for (const auto& text : shared_.all())
    net_.send(peer, {cluster::channel::admin, std::string(1, shared_kind) + text, nullptr, false});
}

void cluster_questions::peer_down(cluster::node_id peer, std::uint64_t) {
  std::vector<answered> lost;
  {
    const std::lock_guard lock(state_->mutex);
    for (auto it = state_->asked.begin(); it != state_->asked.end();) {
      if (it->second.node == peer) {
        lost.push_back(std::move(it->second.done));
        it = state_->asked.erase(it);
      } else {
        ++it;
      }
    }
    state_->served.erase(peer);
    state_->up.erase(peer);
  }
  for (const auto& done : lost) done(nullptr);
}

void cluster_questions::received(cluster::node_id from, cluster::channel to,
                                 std::string_view bytes) {
  if (to != cluster::channel::admin || bytes.empty()) return;
  const auto content = bytes.substr(1);
  if (bytes.front() == question_kind) serve_one(from, content);
  if (bytes.front() == answer_kind) take(from, content);
  if (bytes.front() == shared_kind && shared_.told) shared_.told(content);
}

void cluster_questions::serve_one(cluster::node_id from, std::string_view bytes) {
  peer::AdminQuestion frame;
  if (bytes.size() > longest_question ||
      !frame.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return;
  const auto request = frame.request();
  if (here_ == nullptr) return;
  {
    const std::lock_guard lock(state_->mutex);
    if (++state_->served[from] > most_of_a_peer) {
      --state_->served[from];
      return reply(from, request, {503, "The node is asked too much at the same time", {}, false});
    }
  }
  observe::admin_question question;
  question.what = frame.what();
  for (const auto& [name, value] : frame.terms()) question.terms.emplace(name, value);
  question.after = frame.after();
  question.limit = frame.limit();
  here_->answer(std::move(question),
                [this, kept = state_, from, request](const observe::admin_answer& answer) {
                  {
                    const std::lock_guard lock(kept->mutex);
                    auto& open = kept->served[from];
                    if (open != 0) --open;
                  }
                  reply(from, request, answer);
                });
}

void cluster_questions::reply(cluster::node_id to, std::uint64_t request,
                              const observe::admin_answer& answer) {
  peer::AdminAnswer frame;
  frame.set_request(request);
  frame.set_status(answer.status);
  frame.set_message(answer.message);
  for (const auto& row : answer.rows) {
    auto& added = *frame.add_rows();
    added.set_key(row.key);
    added.set_json(row.json);
  }
  frame.set_more(answer.more);
  // Nobody is hurt if it is lost: the other side waits with a limit.
  net_.send(to, {cluster::channel::admin, frame_of(answer_kind, frame), nullptr, true});
}

void cluster_questions::take(cluster::node_id from, std::string_view bytes) {
  peer::AdminAnswer frame;
  if (!frame.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return;
  const auto done = take_out(frame.request(), from);
  if (!done) return;
  observe::admin_answer answer{frame.status(), frame.message(), {}, frame.more()};
  for (auto& row : *frame.mutable_rows())
    answer.rows.push_back({std::move(*row.mutable_key()), std::move(*row.mutable_json())});
  done(&answer);
}

}  // namespace troupe::broker
