#include "storage/records/record_codec.hpp"
#include "storage/retained/retained_walk.hpp"
#include "tests/unit/storage/store_fixture.hpp"
#include "tests/unit/storage/volatile_disk.hpp"

#include <algorithm>
#include <map>
#include <random>
#include <set>

namespace troupe::storage {
namespace {

using namespace test;

shard_id shard_of(std::string_view topic) {
  return static_cast<shard_id>(std::hash<std::string_view>{}(topic) % 4);
}

/// Payloads by topic.
using contents_map = std::map<std::string, std::string>;

template <class Pump>
contents_map all_retained(rocks_store& store, Pump pump, std::uint32_t page_size) {
  contents_map found;
  std::string cursor;
  do {
    std::optional<retained_page> page;
    store.read_retained("#", cursor, page_size, 1, [&](retained_page got) { page = std::move(got); });
    pump();
    REQUIRE(page);
    REQUIRE_FALSE(page->failed);
    for (const auto& message : page->messages) {
      const bool is_new = found
                              .emplace(std::string(message.body->topic()),
                                       std::string(message.body->payload()))
                              .second;
      REQUIRE(is_new);
    }
    cursor = page->next;
  } while (!cursor.empty());
  return found;
}

/// A disk whose writes fail while it is told so.
class stubborn_disk : public rocksdb::EnvWrapper {
 public:
  using EnvWrapper::EnvWrapper;
  const char* Name() const override { return "stubborn_disk"; }
  bool refuses = false;

  rocksdb::Status NewWritableFile(const std::string& name,
                                  std::unique_ptr<rocksdb::WritableFile>* result,
                                  const rocksdb::EnvOptions& options) override {
    std::unique_ptr<rocksdb::WritableFile> made;
    auto status = EnvWrapper::NewWritableFile(name, &made, options);
    if (status.ok()) *result = std::make_unique<file>(std::move(made), *this);
    return status;
  }

 private:
  class file : public rocksdb::WritableFileWrapper {
   public:
    file(std::unique_ptr<rocksdb::WritableFile> from, const stubborn_disk& disk)
        : WritableFileWrapper(from.get()), from_(std::move(from)), disk_(disk) {}
    rocksdb::Status Append(const rocksdb::Slice& data) override {
      return disk_.refuses ? rocksdb::Status::IOError("refused") : WritableFileWrapper::Append(data);
    }
    rocksdb::Status Append(const rocksdb::Slice& data,
                           const rocksdb::DataVerificationInfo& info) override {
      return disk_.refuses ? rocksdb::Status::IOError("refused")
                           : WritableFileWrapper::Append(data, info);
    }

   private:
    std::unique_ptr<rocksdb::WritableFile> from_;
    const stubborn_disk& disk_;
  };
};

/// Few topics that are changed often, in groups of one to many.
struct changing_topics {
  explicit changing_topics(std::uint32_t seed) : random(seed) {}

  std::string topic() {
    static const std::vector<std::string> names = {"a", "b", "", "c-", "$x"};
    std::string out = names[random() % names.size()];
    for (auto depth = random() % 3; depth > 0; --depth) out += "/" + names[random() % names.size()];
    return out.empty() ? "e" : out;
  }

  /// A transaction, and what the model then holds.
  transaction change(contents_map& model) {
    transaction writes;
    for (auto i = 1 + random() % 20; i > 0; --i) {
      const auto name = topic();
      if (random() % 3 == 0) {
        writes.erase_retained(shard_of(name), name);
        model.erase(name);
      } else {
        const auto payload = std::to_string(++number) + std::string(random() % 60, 'x');
        const bool room = limit == 0 || model.contains(name) || model.size() < limit;
        writes.put_retained(shard_of(name), *text(name, payload), limit);
        if (room) model[name] = payload;
      }
    }
    return writes;
  }

  std::mt19937 random;
  std::uint64_t number = 0;
  std::uint64_t limit = 0;
};

contents_map without_dollar(contents_map from) {
  std::erase_if(from, [](const auto& entry) { return entry.first.starts_with("$"); });
  return from;
}

TEST_CASE("retained messages are the same from memory and from the table, before and after a death",
          "[store][retained][crash]") {
  const auto seed = GENERATE(range(1U, 13U));
  const auto lost = GENERATE(volatile_disk::loss::nothing, volatile_disk::loss::unsynced);
  CAPTURE(seed, static_cast<int>(lost));
  changing_topics topics(seed);
  auto& random = topics.random;
  temporary_directory folder;
  volatile_disk disk(rocksdb::Env::Default());
  store_options options;
  options.directory = folder.store();
  options.shards = 4;
  options.threads = false;
  options.env = &disk;
  options.shard_of = shard_of;
  // All in memory, given up and taken up now and then, never.
  options.retained_memory = std::vector<std::uint64_t>{64 << 20, 9000, 0}[seed % 3];
  // The journal is folded at once, now and then, at the end.
  options.retained_journal = std::vector<std::uint64_t>{0, 3000, 16 << 20}[random() % 3];
  topics.limit = seed % 2 == 0 ? 30 : 0;

  contents_map model;
  for (int life = 0; life < 3; ++life) {
    auto opened = open_store(options);
    INFO(opened.error);
    REQUIRE(opened.store);
    auto& store = *opened.store;
    const auto pump = [&] {
      while (store.pump() > 0) {
      }
    };
    REQUIRE(store.current().retained == model.size());
    std::vector<contents_map> states{model};
    for (int step = 0; step < 40; ++step) {
      store.commit(topics.change(model), [](const commit_result& result) { REQUIRE(result.ok); });
      states.push_back(model);
      if (random() % 3 == 0) store.pump();
      if (random() % 4 != 0) continue;
      pump();
      REQUIRE(store.current().retained == model.size());
      REQUIRE(all_retained(store, pump, 1 + random() % 9) == without_dollar(model));
    }
    pump();
    if (life == 1) continue;  // a clean end
    const auto remains = folder.path + "/" + std::to_string(life);
    disk.remains(options.directory, remains, lost, random);
    opened.store.reset();
    options.directory = remains;
    if (lost == volatile_disk::loss::nothing) continue;
    // Some state that there was, and its count.
    auto survived = open_store(options);
    REQUIRE(survived.store);
    const auto pump_it = [&] {
      while (survived.store->pump() > 0) {
      }
    };
    const auto found = all_retained(*survived.store, pump_it, 10);
    const auto same = std::find_if(states.rbegin(), states.rend(), [&](const contents_map& state) {
      return without_dollar(state) == found &&
             survived.store->current().retained == state.size();
    });
    REQUIRE(same != states.rend());
    model = *same;
  }
}

TEST_CASE("changes that could not be written are in nobody's memory", "[store][retained][disk]") {
  const auto seed = GENERATE(1U, 2U, 3U);
  CAPTURE(seed);
  changing_topics topics(seed);
  temporary_directory folder;
  stubborn_disk disk(rocksdb::Env::Default());
  store_options options;
  options.directory = folder.store();
  options.shards = 4;
  options.threads = false;
  options.env = &disk;
  options.shard_of = shard_of;
  options.retained_journal = seed == 1 ? 0 : 16 << 20;
  auto opened = open_store(options);
  REQUIRE(opened.store);
  auto& store = *opened.store;
  const auto pump = [&] {
    while (store.pump() > 0) {
    }
  };
  contents_map model;
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 5; ++i) {
      store.commit(topics.change(model), nullptr);
      pump();
    }
    disk.refuses = true;
    auto ignored = model;
    bool failed = false;
    store.commit(topics.change(ignored), [&](const commit_result& r) { failed = !r.ok; });
    pump();
    CHECK(failed);
    CHECK(all_retained(store, pump, 5) == without_dollar(model));
    CHECK(store.current().retained == model.size());
    disk.refuses = false;
    REQUIRE(eventually([&] {
      store.pump();
      return store.current().writable;
    }));
    CHECK(all_retained(store, pump, 5) == without_dollar(model));
    CHECK(store.current().retained == model.size());
  }
}

TEST_CASE("a record is what the generated class reads", "[store][retained]") {
  std::mt19937 random(7);
  for (int i = 0; i < 200; ++i) {
    const auto some = [&] { return random() % 3 == 0 ? 0 : random() >> random() % 32; };
    mqtt::message::fields fields;
    const std::string topic(1 + some() % 300, 't');
    const std::string payload(some() % 300, 'p');
    const std::string properties(some() % 50, 'q');
    fields.topic = topic;
    fields.payload = payload;
    fields.properties = properties;
    fields.level = static_cast<mqtt::qos>(random() % 3);
    fields.retain = random() % 2 == 0;
    fields.expires_at = some();
    fields.received_at = static_cast<std::int64_t>(some()) << 12;
    fields.publisher = some();
    std::string bytes;
    record::encode(retained_message{mqtt::message::make(fields), {some(), some()}}, bytes);
    const auto read = record::decode_retained(bytes);
    REQUIRE(read.body);
    const auto found = read.body->to_fields();
    CHECK(found.topic == topic);
    CHECK(found.payload == payload);
    CHECK(found.properties == properties);
    CHECK(found.level == fields.level);
    CHECK(found.retain == fields.retain);
    CHECK(found.expires_at == fields.expires_at);
    CHECK(found.received_at == fields.received_at);
    CHECK(found.publisher == fields.publisher);
    std::string again;
    record::encode(read, again);
    CHECK(again == bytes);
  }
}

TEST_CASE("a walk misses nothing that was there all the time and shows nothing twice",
          "[store][retained]") {
  const auto seed = GENERATE(1U, 2U, 3U, 4U);
  CAPTURE(seed);
  changing_topics topics(seed);
  auto& random = topics.random;
  for (int round = 0; round < 200; ++round) {
    retained_tree tree;
    const auto hold = [&](const std::string& topic) {
      tree.set(tree.add(topic), true, {text(topic, "x"), {}}, 0);
    };
    const auto drop = [&](const std::string& topic) {
      const auto id = tree.find(topic);
      if (id == retained_tree::none) return;
      tree.set(id, false, {}, 0);
      tree.prune(id);
    };
    const auto empty = tree.bytes();
    std::set<std::string> lasting;
    std::set<std::string> all;
    for (int i = 0; i < 40; ++i) {
      const auto topic = topics.topic();
      hold(topic);
      all.insert(topic);
      if (!topic.starts_with("$")) lasting.insert(topic);
    }
    std::multiset<std::string> shown;
    retained_walk::path path;
    do {
      auto left = 1 + random() % 6;
      path = retained_walk(tree, "#").go(
          path, [&] { return left-- > 0; },
          [&](const retained_tree::node& node) {
            if (node.held) shown.emplace(node.kept.body->topic());
          });
      // One goes for good, others come, first or again.
      const auto topic = topics.topic();
      if (random() % 2 == 0) {
        drop(topic);
        lasting.erase(topic);
      } else {
        hold(topic);
      }
      all.insert(topic);
    } while (!path.empty());
    for (const auto& topic : lasting) CHECK(shown.count(topic) == 1);
    for (const auto& topic : all) drop(topic);
    CHECK(tree.bytes() == empty);
    CHECK(tree.find("a") == retained_tree::none);
  }
}

}  // namespace
}  // namespace troupe::storage
