#include "cluster/map/command.hpp"

#include "cluster/map/wire.hpp"

#include <limits>

namespace troupe::cluster::command {

namespace {

using membership::command_record;

constexpr auto largest_shards = std::numeric_limits<std::uint16_t>::max();

void put(const form& from, command_record& record) {
  auto& to = *record.mutable_form();
  to.set_cluster(from.cluster);
  to.set_name(from.name);
  to.set_shards(from.shards);
  to.set_replicas(from.replicas);
  to.set_expect(from.expect);
  wire::write(from.first, *to.mutable_first());
}

void put(const join& from, command_record& record) {
  auto& to = *record.mutable_join();
  wire::write(from.who, *to.mutable_who());
  to.set_cluster_name(from.cluster_name);
  to.set_shards(from.shards);
}

void put(const confirm& from, command_record& to) {
  to.mutable_confirm()->set_node(number(from.node));
}

void put(const leave& from, command_record& to) {
  to.mutable_leave()->set_node(number(from.node));
  to.mutable_leave()->set_force(from.force);
}

void put(const retire& from, command_record& to) {
  to.mutable_retire()->set_node(number(from.node));
}

void put(const evict& from, command_record& to) {
  to.mutable_evict()->set_node(number(from.node));
  to.mutable_evict()->set_force(from.force);
}

void put(const place& from, command_record& record) {
  auto& to = *record.mutable_place();
  to.set_base(from.base);
  for (const auto& [shard, set] : from.shards) {
    auto& each = *to.add_shards();
    each.set_shard(number(shard));
    wire::write(set, *each.mutable_replicas());
  }
}

void put(const set_replicas& from, command_record& to) {
  to.mutable_replicas()->set_replicas(from.replicas);
}

std::optional<any> take_form(const membership::form_command& from) {
  form to;
  if (from.shards() > largest_shards || !wire::read(from.first(), to.first)) return std::nullopt;
  to.cluster = from.cluster();
  to.name = from.name();
  to.shards = static_cast<std::uint16_t>(from.shards());
  to.replicas = from.replicas();
  to.expect = from.expect();
  return to;
}

std::optional<any> take_join(const membership::join_command& from) {
  join to;
  if (from.shards() > largest_shards || !wire::read(from.who(), to.who)) return std::nullopt;
  to.cluster_name = from.cluster_name();
  to.shards = static_cast<std::uint16_t>(from.shards());
  return to;
}

std::optional<any> take_place(const membership::place_command& from) {
  place to;
  to.base = from.base();
  for (const auto& each : from.shards()) {
    if (each.shard() > largest_shards) return std::nullopt;
    to.shards.emplace_back(static_cast<shard_id>(each.shard()), wire::read(each.replicas()));
  }
  return to;
}

std::optional<any> take(const command_record& from) {
  switch (from.what_case()) {
    case command_record::kForm:
      return take_form(from.form());
    case command_record::kJoin:
      return take_join(from.join());
    case command_record::kConfirm:
      return confirm{node_id{from.confirm().node()}};
    case command_record::kLeave:
      return leave{node_id{from.leave().node()}, from.leave().force()};
    case command_record::kRetire:
      return retire{node_id{from.retire().node()}};
    case command_record::kEvict:
      return evict{node_id{from.evict().node()}, from.evict().force()};
    case command_record::kPlace:
      return take_place(from.place());
    case command_record::kReplicas:
      return set_replicas{from.replicas().replicas()};
    case command_record::WHAT_NOT_SET:
      break;
  }
  return std::nullopt;
}

}  // namespace

std::string encode(const any& what) {
  command_record record;
  record.set_version(wire::layout_version);
  std::visit([&](const auto& each) { put(each, record); }, what);
  return record.SerializeAsString();
}

std::optional<any> decode(std::string_view bytes, std::string& error) {
  command_record record;
  if (bytes.size() > std::numeric_limits<int>::max() ||
      !record.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    error = "A command to the cluster's meta group cannot be read.";
    return std::nullopt;
  }
  error = wire::version_error(record.version(), "A command to the cluster's meta group");
  if (!error.empty()) return std::nullopt;
  auto what = take(record);
  if (!what) error = "A command to the cluster's meta group has no meaning.";
  return what;
}

}  // namespace troupe::cluster::command
