#include "storage/records/run_codec.hpp"

#include "protocol/schema/stored.pb.h"
#include "storage/records/settled_items.hpp"
#include "tests/unit/storage/store_fixture.hpp"

#include <deque>
#include <random>
#include <set>

namespace troupe::storage {
namespace {

using namespace test;

std::string hex(std::string_view bytes) {
  std::string out;
  for (const auto byte : bytes) {
    constexpr std::string_view digits = "0123456789abcdef";
    out += digits[static_cast<unsigned char>(byte) >> 4];
    out += digits[static_cast<unsigned char>(byte) & 15];
  }
  return out;
}

std::string random_bytes(std::mt19937& random, std::size_t most) {
  std::string out(random() % (most + 1), '\0');
  for (auto& byte : out) byte = static_cast<char>(random());
  return out;
}

/// A message and its terms with the storage that they point to.
struct sample {
  explicit sample(std::mt19937& random) {
    const auto some = [&](std::uint64_t value) { return random() % 3 == 0 ? 0 : value; };
    topic = "t" + random_bytes(random, 40);
    payload = random_bytes(random, 300);
    properties = random() % 2 == 0 ? std::string{} : random_bytes(random, 40);
    share = random() % 2 == 0 ? std::string{} : random_bytes(random, 30);
    for (auto n = random() % 4; n > 0; --n) ids.push_back(1 + random() % 268'435'455);
    mqtt::message::fields f;
    f.topic = topic;
    f.payload = payload;
    f.properties = properties;
    f.level = static_cast<mqtt::qos>(random() % 3);
    f.retain = random() % 2 == 0;
    f.expires_at = static_cast<std::int64_t>(some(std::uint64_t{random()} << 9));
    f.received_at = static_cast<std::int64_t>(some(std::uint64_t{random()} << 9));
    f.publisher = some((std::uint64_t{random()} << 32) | random());
    body = mqtt::message::make(f);
    terms.level = static_cast<mqtt::qos>(random() % 3);
    terms.retain = random() % 2 == 0;
    terms.subscription_ids = ids;
    terms.share = share;
    terms.size = static_cast<std::uint32_t>(some(random()));
    at = {static_cast<shard_id>(random() % 65536), some((std::uint64_t{random()} << 16) + 1)};
  }
  std::string topic, payload, properties, share;
  std::vector<std::uint32_t> ids;
  mqtt::message_ptr body;
  owed_terms terms;
  log_position at;
};

void fill(const mqtt::message& from, stored::message_record& to) {
  to.set_topic(std::string(from.topic()));
  to.set_payload(std::string(from.payload()));
  to.set_properties(std::string(from.properties()));
  to.set_level(static_cast<std::uint32_t>(from.level()));
  to.set_retain(from.retain());
  to.set_expires_at(from.expires_at());
  to.set_received_at(from.received_at());
  to.set_publisher(from.publisher());
}

void fill(const owed_terms& from, stored::owed_record& to) {
  to.set_level(static_cast<std::uint32_t>(from.level));
  to.set_retain(from.retain);
  for (const auto id : from.subscription_ids) to.add_subscription_ids(id);
  to.set_share(std::string(from.share));
  to.set_size(from.size);
}

bool same(const mqtt::message& a, const mqtt::message& b) {
  return a.topic() == b.topic() && a.payload() == b.payload() && a.properties() == b.properties() &&
         a.level() == b.level() && a.retain() == b.retain() && a.expires_at() == b.expires_at() &&
         a.received_at() == b.received_at() && a.publisher() == b.publisher();
}

bool same(const owed_terms& a, const owed_terms& b) {
  return a.level == b.level && a.retain == b.retain && a.share == b.share && a.size == b.size &&
         std::ranges::equal(a.subscription_ids, b.subscription_ids);
}

TEST_CASE("the bytes of a run", "[store][codec]") {
  std::string bytes;
  record::begin_run(record::heads::each, bytes);
  owed_terms terms;
  terms.size = 300;
  record::append_item(terms, *text("t", "xy"), bytes);
  const std::vector<std::uint32_t> ids{1, 128};
  terms.retain = true;
  terms.subscription_ids = ids;
  terms.share = "s";
  record::append_item(terms, {static_cast<shard_id>(2), 3}, false, bytes);
  CHECK(hex(bytes) ==
        "0802"
        "1210"
        "2001"
        "48ac02"
        "5209"
        "120174"
        "1a027879"
        "2801"
        "1213"
        "1002"
        "1803"
        "2001"
        "2801"
        "3a03018001"
        "420173"
        "48ac02");
}

TEST_CASE("runs and bodies are what the generated classes write and read", "[store][codec]") {
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    std::deque<sample> samples;  // whose terms point into it
    std::string bytes;
    record::begin_run(record::heads::each, bytes);
    stored::run_record expected;
    expected.set_version(2);
    for (auto n = 1 + random() % 5; n > 0; --n) {
      const auto& s = samples.emplace_back(random);
      auto& item = *expected.add_items();
      fill(s.terms, item);
      if (random() % 2 == 0) {
        record::append_item(s.terms, *s.body, bytes);
        fill(*s.body, *item.mutable_body());
        samples.back().at = {};
      } else {
        const bool sole = random() % 2 == 0;
        record::append_item(s.terms, s.at, sole, bytes);
        item.set_shard(number(s.at.shard));
        item.set_offset(s.at.offset);
        item.set_sole(sole);
      }
    }
    REQUIRE(hex(bytes) == hex(expected.SerializeAsString()));
    CHECK(record::count_items(bytes) == samples.size());

    record::run_reader reader(bytes);
    record::run_item item;
    for (std::size_t i = 0; i < samples.size(); ++i) {
      REQUIRE(reader.next(item));
      const auto& s = samples[i];
      const auto& record = expected.items(static_cast<int>(i));
      CHECK(same(item.terms, s.terms));
      if (record.has_body()) {
        REQUIRE(item.where == body_place::inside);
        const auto body = record::body_of(item);
        REQUIRE(body);
        CHECK(same(*body, *s.body));
      } else {
        CHECK(item.where == (record.sole() ? body_place::sole : body_place::shared));
        CHECK(item.at == s.at);
      }
      CHECK(reader.at_end() == (i + 1 == samples.size()));
    }
    CHECK_FALSE(reader.next(item));
    CHECK_FALSE(reader.damaged());

    std::string body_bytes;
    record::encode(*samples[0].body, body_bytes);
    stored::message_record body;
    body.set_version(1);
    fill(*samples[0].body, body);
    CHECK(hex(body_bytes) == hex(body.SerializeAsString()));
    const auto back = record::decode_message(body_bytes);
    REQUIRE(back);
    CHECK(same(*back, *samples[0].body));
  }
}

mqtt::message_ptr said(std::string_view topic, std::string_view payload, std::uint64_t trace = 0) {
  mqtt::message::fields fields;
  fields.topic = topic;
  fields.payload = payload;
  fields.level = mqtt::qos::at_least_once;
  fields.publisher = 7;
  fields.trace = trace;
  return mqtt::message::make(fields);
}

TEST_CASE("the bytes of a run with a head for two messages", "[store][codec]") {
  std::string bytes;
  record::begin_run(record::heads::shared, bytes);
  owed_terms terms;
  terms.size = 3;
  record::append_item(terms, *said("t", "xy"), bytes);
  record::append_item(terms, *said("t", "z"), bytes, false);
  CHECK(hex(bytes) ==
        "0803"
        "1218"
        "2001"
        "4803"
        "5212"
        "120174"
        "1a027879"
        "2801"
        "490700000000000000"
        "1209"
        "2001"
        "4803"
        "5203"
        "1a017a");
}

TEST_CASE("messages that share a head come back whole", "[store][codec]") {
  std::mt19937 random(11);
  for (int round = 0; round < 300; ++round) {
    const sample first(random);
    const sample second(random);
    std::vector<mqtt::message_ptr> given;
    std::string bytes;
    record::begin_run(record::heads::shared, bytes);
    const mqtt::message* head = nullptr;
    for (auto n = 1 + random() % 6; n > 0; --n) {
      const auto& like = random() % 3 == 0 ? second : first;
      if (random() % 5 == 0) {  // in the log: between two that are inside
        record::append_item(like.terms, {static_cast<shard_id>(3), 9}, true, bytes);
        given.push_back(nullptr);
        continue;
      }
      auto fields = like.body->to_fields();
      const auto payload = random_bytes(random, 50);
      fields.payload = payload;
      fields.trace = random() % 2 == 0 ? 0 : random();
      const auto& made = given.emplace_back(mqtt::message::make(fields));
      const bool shares = head != nullptr && record::same_head(*head, *made);
      record::append_item(like.terms, *made, bytes, !shares);
      if (!shares) head = made.get();
    }
    bool counted = false;
    CHECK(record::check_run(bytes, static_cast<shard_id>(3), counted) == given.size());
    record::run_reader reader(bytes);
    record::run_item item;
    for (const auto& each : given) {
      REQUIRE(reader.next(item));
      if (!each) continue;
      const auto body = record::body_of(item);
      REQUIRE(body);
      CHECK(same(*body, *each));
      CHECK(body->trace() == each->trace());
    }
    CHECK_FALSE(reader.next(item));
    CHECK_FALSE(reader.damaged());
  }
}

TEST_CASE("whatever differs in a head keeps it from being shared", "[store][codec]") {
  mqtt::message::fields base;
  base.topic = "a/b";
  base.payload = "1";
  const auto same_with = [&](auto change) {
    auto fields = base;
    change(fields);
    return record::same_head(*mqtt::message::make(base), *mqtt::message::make(fields));
  };
  CHECK(same_with([](auto& f) { f.payload = "22"; }));
  CHECK(same_with([](auto& f) { f.trace = 5; }));
  CHECK_FALSE(same_with([](auto& f) { f.topic = "a/c"; }));
  CHECK_FALSE(same_with([](auto& f) { f.properties = std::string_view("\x01\x01", 2); }));
  CHECK_FALSE(same_with([](auto& f) { f.level = mqtt::qos::at_least_once; }));
  CHECK_FALSE(same_with([](auto& f) { f.retain = true; }));
  CHECK_FALSE(same_with([](auto& f) { f.expires_at = 1; }));
  CHECK_FALSE(same_with([](auto& f) { f.received_at = 1; }));
  CHECK_FALSE(same_with([](auto& f) { f.publisher = 1; }));
}

TEST_CASE("a body without a head before it is damaged", "[store][codec]") {
  std::string bytes;
  record::begin_run(record::heads::shared, bytes);
  record::append_item({}, *said("t", "z"), bytes, false);
  record::run_reader reader(bytes);
  record::run_item item;
  REQUIRE(reader.next(item));
  CHECK_FALSE(record::body_of(item));
  bool counted = false;
  CHECK(record::check_run(bytes, static_cast<shard_id>(0), counted) == 0);
}

TEST_CASE("a body without a head is damaged in a run where each has its own", "[store][codec]") {
  std::string bytes;
  record::begin_run(record::heads::each, bytes);
  record::append_item({}, *said("t", "y"), bytes);
  record::append_item({}, *said("t", "z"), bytes, false);
  record::run_reader reader(bytes);
  record::run_item item;
  REQUIRE(reader.next(item));
  CHECK(record::body_of(item));
  REQUIRE(reader.next(item));
  CHECK_FALSE(record::body_of(item));
  bool counted = false;
  CHECK(record::check_run(bytes, static_cast<shard_id>(0), counted) == 0);
}

TEST_CASE("an entry of layout 1 is a run of one", "[store][codec]") {
  stored::owed_record old;
  old.set_version(1);
  old.set_shard(7);
  old.set_offset(1'000'000);
  old.set_level(2);
  old.set_retain(true);
  old.set_sole(true);
  old.add_subscription_ids(5);
  old.set_share("$share/g/a");
  old.set_size(99);
  const auto bytes = old.SerializeAsString();
  CHECK(record::count_items(bytes) == 1);
  record::run_reader reader(bytes);
  record::run_item item;
  REQUIRE(reader.next(item));
  CHECK(item.where == body_place::sole);
  CHECK(item.at == log_position{static_cast<shard_id>(7), 1'000'000});
  CHECK(item.terms.level == mqtt::qos::exactly_once);
  CHECK(item.terms.retain);
  CHECK(item.terms.subscription_ids.size() == 1);
  CHECK(item.terms.share == "$share/g/a");
  CHECK(item.terms.size == 99);
  CHECK(reader.at_end());
  CHECK_FALSE(reader.next(item));
  CHECK_FALSE(reader.damaged());
}

TEST_CASE("damaged and newer runs are refused", "[store][codec]") {
  record::run_item item;
  for (const std::string& bytes :
       {std::string{}, std::string("\x08\x04", 2), std::string("\x08", 1), std::string("\xff", 1),
        std::string("\x12\x00", 2), std::string("\x08\x00", 2)}) {
    record::run_reader reader(bytes);
    CHECK_FALSE(reader.next(item));
    CHECK(reader.damaged());
    CHECK(record::count_items(bytes) == 0);
  }
  CHECK_FALSE(record::decode_message("\x08\x02\x12\x01t"));
  CHECK_FALSE(record::decode_message("\x12\x01t"));
  CHECK_FALSE(record::decode_message("\x08\x01"));
}

TEST_CASE("whatever happens to the bytes of a run, they are read or refused", "[store][codec]") {
  std::mt19937 random(21);
  for (int round = 0; round < 20'000; ++round) {
    const sample s(random);
    std::string bytes;
    const bool shared = random() % 2 == 0;
    record::begin_run(shared ? record::heads::shared : record::heads::each, bytes);
    record::append_item(s.terms, *s.body, bytes);
    record::append_item(s.terms, s.at, true, bytes);
    if (shared) record::append_item(s.terms, *s.body, bytes, false);
    switch (random() % 3) {
      case 0:
        bytes.resize(random() % bytes.size());
        break;
      case 1:
        bytes[random() % bytes.size()] = static_cast<char>(random());
        break;
      default:
        bytes.insert(random() % bytes.size(), random_bytes(random, 4));
    }
    // On the heap without room to spare, where a sanitizer sees what is read.
    const std::vector<char> exact(bytes.begin(), bytes.end());
    const std::string_view view(exact.data(), exact.size());
    record::run_reader reader(view);
    record::run_item item;
    std::size_t items = 0;
    while (reader.next(item)) {
      if (item.where == body_place::inside) (void)record::body_of(item);
      ++items;
    }
    if (!reader.damaged()) CHECK(items == record::count_items(view));
    (void)settled_items::decode(view);
  }
}

TEST_CASE("settled items survive their record", "[store][codec]") {
  std::mt19937 random(3);
  for (int round = 0; round < 500; ++round) {
    settled_items items;
    std::set<std::size_t> expected;
    const auto most = 1 + random() % 1024;
    for (auto n = random() % (most + 1); n > 0; --n) {
      const auto item = random() % 3 == 0 ? random() % most : expected.size();
      CHECK(items.settle(item) == expected.insert(item).second);
    }
    std::string bytes;
    items.encode(bytes);
    stored::progress_record record;
    REQUIRE(record.ParseFromString(bytes));
    const auto back = settled_items::decode(bytes);
    REQUIRE(back);
    for (const auto* one : std::initializer_list<const settled_items*>{&items, &*back}) {
      CHECK(one->count() == expected.size());
      for (std::size_t item = 0; item < most + 20; ++item)
        REQUIRE(one->contains(item) == expected.contains(item));
    }
    // The copy goes on like the original.
    auto again = *back;
    for (std::size_t item = 0; item < most; ++item)
      CHECK(again.settle(item) == expected.insert(item).second);
    CHECK(again.count() == expected.size());
  }
  CHECK_FALSE(settled_items::decode("\x08\x02"));
  CHECK_FALSE(settled_items::decode("\xff"));
}

}  // namespace
}  // namespace troupe::storage
