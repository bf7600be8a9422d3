#include "cluster/membership/talk.hpp"

#include "cluster/map/wire.hpp"
#include "protocol/schema/member_talk.pb.h"

#include <limits>

namespace troupe::cluster::talk {

namespace {

using membership::talk_record;

constexpr auto largest_port = std::numeric_limits<std::uint16_t>::max();

void put(const hello& from, talk_record& record) {
  auto& to = *record.mutable_hello();
  to.set_cluster(from.cluster);
  wire::write(from.self, *to.mutable_self());
  to.set_expect(from.expect);
  to.set_takes_part(from.takes_part);
  to.set_round(from.round);
  for (const contact& each : from.known) {
    auto& known = *to.add_known();
    known.set_node(number(each.node));
    known.set_name(each.name);
    known.set_host(each.host);
    known.set_port(each.port);
  }
}

void put(const promise& from, talk_record& to) { to.mutable_promise()->set_round(from.round); }

void put(const forward& from, talk_record& record) {
  auto& to = *record.mutable_forward();
  to.set_request(from.request);
  to.set_command(from.command);
  to.set_relayed(from.relayed);
}

void put(const answer& from, talk_record& record) {
  auto& to = *record.mutable_answer();
  to.set_request(from.request);
  to.set_result(static_cast<std::uint32_t>(from.what));
  to.set_sentence(from.sentence);
  to.set_cluster(from.cluster);
  to.set_gone(from.gone);
}

template <class Message>
void put_owned(const owned& from, Message& to) {
  for (const auto& [shard, epoch, settled] : from) {
    auto& each = *to.add_shards();
    each.set_shard(number(shard));
    each.set_epoch(epoch);
    each.set_settled(settled);
  }
}

void put(const owns& from, talk_record& to) {
  to.mutable_owns()->set_full(from.full);
  put_owned(from.shards, *to.mutable_owns());
}

void put(const withdraws& from, talk_record& to) {
  put_owned(from.shards, *to.mutable_withdraws());
}

void put(const gone& from, talk_record& to) {
  to.mutable_gone()->set_cluster(from.cluster);
  to.mutable_gone()->set_sentence(from.sentence);
}

void put(const hears& from, talk_record& to) {
  auto& all = *to.mutable_hears();
  for (const auto node : from.nodes) all.add_nodes(number(node));
}

/// False: a number that has no meaning, or too much of it.
bool take(const membership::hello_talk& from, hello& to) {
  to.cluster = from.cluster();
  to.expect = from.expect();
  to.takes_part = from.takes_part();
  to.round = from.round();
  if (!wire::read(from.self(), to.self) || !refusal_of(to.self).empty()) return false;
  if (static_cast<std::size_t>(from.known_size()) > most_known) return false;
  for (const auto& each : from.known()) {
    if (each.node() == 0 || each.port() == 0 || each.port() > largest_port ||
        each.name().size() > longest_member_name || each.host().size() > longest_host)
      return false;
    to.known.push_back({node_id{each.node()}, each.name(), each.host(),
                        static_cast<std::uint16_t>(each.port())});
  }
  return true;
}

bool take(const membership::promise_talk& from, promise& to) {
  to.round = from.round();
  return to.round != 0;
}

bool take(const membership::forward_talk& from, forward& to) {
  to = {from.request(), from.command(), from.relayed()};
  return to.command.size() <= longest_command;
}

bool take(const membership::answer_talk& from, answer& to) {
  if (from.result() > static_cast<std::uint32_t>(answer::result::unavailable)) return false;
  to = {from.request(), static_cast<answer::result>(from.result()), from.sentence(),
        from.cluster(), from.gone()};
  return true;
}

template <class Message>
bool take_owned(const Message& from, owned& to) {
  if (static_cast<std::size_t>(from.shards_size()) > most_owned) return false;
  for (const auto& each : from.shards()) {
    if (each.shard() >= most_owned) return false;
    to.push_back({static_cast<shard_id>(each.shard()), each.epoch(), each.settled()});
  }
  return true;
}

bool take(const membership::owns_talk& from, owns& to) {
  to.full = from.full();
  return take_owned(from, to.shards);
}

bool take(const membership::withdraws_talk& from, withdraws& to) {
  return take_owned(from, to.shards);
}

bool take(const membership::gone_talk& from, gone& to) {
  to = {from.cluster(), from.sentence()};
  return true;
}

bool take(const membership::hears_talk& from, hears& to) {
  if (static_cast<std::size_t>(from.nodes_size()) > most_known) return false;
  for (const auto node : from.nodes()) to.nodes.push_back(node_id{node});
  return true;
}

template <class To, class From>
std::optional<any> taken(const From& from, std::string& error) {
  To to;
  if (take(from, to)) return any(std::move(to));
  error = "A message of another node about the cluster makes no sense.";
  return std::nullopt;
}

}  // namespace

std::string encode(const any& what) {
  talk_record record;
  record.set_version(wire::layout_version);
  std::visit([&](const auto& each) { put(each, record); }, what);
  return record.SerializeAsString();
}

std::optional<any> decode(std::string_view bytes, std::string& error) {
  talk_record record;
  if (bytes.size() > std::numeric_limits<int>::max() ||
      !record.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    error = "A message of another node about the cluster cannot be read.";
    return std::nullopt;
  }
  error = wire::version_error(record.version(), "A message of another node about the cluster");
  if (!error.empty()) return std::nullopt;
  switch (record.what_case()) {
    case talk_record::kHello:
      return taken<hello>(record.hello(), error);
    case talk_record::kPromise:
      return taken<promise>(record.promise(), error);
    case talk_record::kForward:
      return taken<forward>(record.forward(), error);
    case talk_record::kAnswer:
      return taken<answer>(record.answer(), error);
    case talk_record::kOwns:
      return taken<owns>(record.owns(), error);
    case talk_record::kWithdraws:
      return taken<withdraws>(record.withdraws(), error);
    case talk_record::kGone:
      return taken<gone>(record.gone(), error);
    case talk_record::kHears:
      return taken<hears>(record.hears(), error);
    case talk_record::WHAT_NOT_SET:
      break;
  }
  error = "A message of another node about the cluster has no meaning here.";
  return std::nullopt;
}

}  // namespace troupe::cluster::talk
