#include "storage/raft/rocks_raft_log.hpp"

#include "tests/support/catch.hpp"
#include "tests/unit/raft/memory_disk.hpp"
#include "tests/unit/storage/volatile_disk.hpp"

#include <filesystem>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace troupe::storage {
namespace {

struct directory {
  directory() {
    std::string name = std::filesystem::temp_directory_path() / "troupe-raft-XXXXXX";
    REQUIRE(mkdtemp(name.data()));
    path = name;
  }
  ~directory() { std::filesystem::remove_all(path); }
  std::string path;
};

raft_log_options options_of(const std::string& path) {
  raft_log_options options;
  options.directory = path + "/raft";
  options.threads = false;
  return options;
}

std::unique_ptr<rocks_raft_log> open(const raft_log_options& options) {
  auto opened = rocks_raft_log::open(options);
  INFO(opened.error);
  REQUIRE(opened.value);
  return std::move(opened.value);
}

void check_equal(const raft_log_content& a, const raft_log_content& b) {
  REQUIRE(a.term == b.term);
  REQUIRE(a.voted_for == b.voted_for);
  REQUIRE(a.snapshot.has_value() == b.snapshot.has_value());
  if (a.snapshot) {
    REQUIRE(a.snapshot->index == b.snapshot->index);
    REQUIRE(a.snapshot->term == b.snapshot->term);
    REQUIRE(a.snapshot->configuration == b.snapshot->configuration);
    REQUIRE(a.snapshot->configuration_index == b.snapshot->configuration_index);
    REQUIRE(a.snapshot->reference == b.snapshot->reference);
  }
  REQUIRE(a.first == b.first);
  REQUIRE(a.entries.size() == b.entries.size());
  for (std::size_t i = 0; i < a.entries.size(); ++i) {
    REQUIRE(a.entries[i].term == b.entries[i].term);
    REQUIRE(a.entries[i].kind == b.entries[i].kind);
    REQUIRE(a.entries[i].bytes == b.entries[i].bytes);
  }
}

/// What a group could do next to its log.
raft_log_batch random_batch(const raft_log_content& now, std::mt19937& random) {
  raft_log_batch out;
  const auto end = now.first + now.entries.size();
  const auto term = std::max<std::uint64_t>(now.term, 1);
  switch (random() % 8) {
    case 0:
      out.vote(term + 1, random() % 2 == 0 ? 0 : random());
      break;
    case 1:
      if (now.entries.size() > 3) out.truncate(end - 1 - random() % 3);
      break;
    case 2:
      if (now.entries.size() > 10) {
        const auto at = end - 3;
        out.snapshot({at, term, 1, "members", "state " + std::to_string(at)}, at - random() % 5);
      }
      break;
    case 3:
      if (random() % 10 == 0) {
        out.snapshot({end + 10, term, 1, "members", "installed"}, ~std::uint64_t{0});
      }
      break;
    default:
      for (std::uint64_t i = 0; i < 1 + random() % 4; ++i) {
        out.append(end + i, term, raft_entry_kind::command,
                   std::string(random() % 300, static_cast<char>('a' + random() % 26)));
      }
  }
  return out;
}

}  // namespace

TEST_CASE("what is written is there after the log is opened again", "[log]") {
  const directory where;
  std::mt19937 random(1);
  std::vector<raft_log_content> model(3);
  for (int life = 0; life < 10; ++life) {
    auto log = open(options_of(where.path));
    for (std::size_t group = 0; group < model.size(); ++group) {
      auto loaded = log->load(static_cast<raft_group_no>(group));
      INFO(loaded.error);
      REQUIRE(loaded.error.empty());
      check_equal(loaded.content, model[group]);
    }
    for (int i = 0; i < 200; ++i) {
      const auto group = random() % model.size();
      auto batch = random_batch(model[group], random);
      cluster::raft::test::apply(batch, model[group]);
      log->write(static_cast<raft_group_no>(group), std::move(batch), nullptr);
      if (random() % 5 == 0) log->pump();
    }
    log->pump();
  }
  auto log = open(options_of(where.path));
  CHECK(log->groups() == std::vector<raft_group_no>{0, 1, 2});
  raft_log_batch erase;
  erase.erase();
  log->write(1, std::move(erase), nullptr);
  log->pump();
  CHECK(log->groups() == std::vector<raft_group_no>{0, 2});
  CHECK(log->load(1).content.empty());
}

TEST_CASE("callbacks come from the writer in the order given", "[log]") {
  const directory where;
  auto options = options_of(where.path);
  options.threads = true;
  std::vector<int> order;
  {
    auto log = open(options);
    for (int i = 0; i < 1000; ++i) {
      raft_log_batch batch;
      batch.append(static_cast<std::uint64_t>(i) + 1, 1, raft_entry_kind::command, "x");
      log->write(5, std::move(batch), [&order, i](const std::string& error) {
        if (error.empty()) order.push_back(i);
      });
    }
  }
  REQUIRE(order.size() == 1000);
  for (int i = 0; i < 1000; ++i) REQUIRE(order[static_cast<std::size_t>(i)] == i);
  CHECK(open(options)->load(5).content.entries.size() == 1000);
}

TEST_CASE("after a power cut everything that was answered is there, in mode fsync", "[log]") {
  std::mt19937 random(3);
  for (int round = 0; round < 15; ++round) {
    const directory where;
    storage::test::volatile_disk disk(rocksdb::Env::Default());
    auto options = options_of(where.path);
    options.durability = durability::fsync;
    options.env = &disk;
    options.write_buffer_bytes = 64 << 10;
    raft_log_content model;
    raft_log_content answered;
    const directory left;
    {
      auto log = open(options);
      const auto batches = 100 + random() % 400;
      for (std::uint64_t i = 0; i < batches; ++i) {
        auto batch = random_batch(model, random);
        cluster::raft::test::apply(batch, model);
        log->write(9, std::move(batch), [&answered, model](const std::string& error) {
          if (error.empty()) answered = model;
        });
        if (random() % 3 == 0) log->pump();
      }
      disk.remains(options.directory, left.path + "/raft",
                   storage::test::volatile_disk::loss::unsynced, random);
    }
    auto loaded = open(options_of(left.path))->load(9);
    INFO(loaded.error);
    REQUIRE(loaded.error.empty());
    check_equal(loaded.content, answered);
  }
}

TEST_CASE("a directory that is in use, damaged or newer is refused with a sentence", "[log]") {
  const directory where;
  auto options = options_of(where.path);
  {
    auto log = open(options);
    const auto second = rocks_raft_log::open(options);
    CHECK_FALSE(second.value);
    CHECK(second.error.find("in use") != std::string::npos);
  }
  std::filesystem::remove(options.directory + "/CURRENT");
  const auto damaged = rocks_raft_log::open(options);
  CHECK_FALSE(damaged.value);
  CHECK(damaged.error.find("CURRENT") != std::string::npos);
}

}  // namespace troupe::storage
