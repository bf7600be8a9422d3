#include "tests/unit/storage/shard_log.hpp"
#include "tests/unit/storage/volatile_disk.hpp"

namespace troupe::storage {
namespace {

using namespace test;

constexpr auto shard = shard_log::shard;

/// A node with a replica of the shard, that crashes and starts again.
class node {
 public:
  node(unsigned seed, bool reads) : random_(seed), reads_(reads), disk_(rocksdb::Env::Default()) {
    options_.directory = place_.path + "/0";
    options_.shards = 4;
    options_.replicated = true;
    options_.threads = false;
    options_.env = &disk_;
    options_.durability = seed % 2 == 0 ? durability::process : durability::fsync;
    if (seed % 3 == 0) options_.retained_memory = 0;
    options_.retained_journal = 2000;
    options_.report = [](std::string_view sentence) { FAIL_CHECK(sentence); };
    open();
  }

  rocks_store& store() { return *store_; }
  shard_marks marks() { return store_->marks(shard); }
  void drain() {
    while (store_->pump() > 0) {
    }
  }

  /// Applies entries up to `to`, in groups as they come.
  void follow(const shard_log& log, std::uint64_t to) {
    auto index = marks().index;
    while (index < to) {
      for (auto group = 1 + random_() % 40; group > 0 && index < to; --group) {
        // Some come again.
        const auto at = random_() % 20 == 0 && index > 0 ? 1 + random_() % index : ++index;
        store_->commit(log.entry(at), [](const commit_result& result) { REQUIRE(result.ok); });
      }
      if (reads_) read();
      if (random_() % 3 == 0) {
        store_->pump();
      } else {
        drain();
      }
      const auto what = random_() % 40;
      if (what == 0) restart();
      if (what == 1) crash(volatile_disk::loss::nothing);
      if (what == 2) crash(volatile_disk::loss::unsynced);
      if (what <= 2) index = marks().index;
    }
    drain();
  }

  void restart() {
    store_.reset();
    open();
  }
  void crash(volatile_disk::loss what) {
    const auto remains = place_.path + "/" + std::to_string(++lives_);
    disk_.remains(options_.directory, remains, what, random_);
    store_.reset();
    options_.directory = remains;
    open();
  }

  shard_checksum checksum() {
    std::optional<shard_checksum> got;
    store_->read_checksum(shard, [&](shard_checksum value) { got = value; });
    drain();
    REQUIRE(got);
    REQUIRE_FALSE(got->failed);
    return *got;
  }

  std::mt19937& random() { return random_; }

 private:
  void open() {
    auto opened = open_store(options_);
    INFO(opened.error);
    REQUIRE(opened.store);
    store_ = std::move(opened.store);
  }
  void read() {
    store_->read_owed(session(1, 1 + random_() % 20), 0, 10, 1000, [](owed_page) {});
    store_->read_retained("#", "", 1000, 500, [](retained_page) {});
    store_->read_checksum(shard, [](shard_checksum) {});
    store_->read_directory(shard, "", 2, [](directory_page) {});
  }

  temporary_directory place_;
  std::mt19937 random_;
  bool reads_;
  volatile_disk disk_;
  store_options options_;
  std::unique_ptr<rocks_store> store_;
  int lives_ = 0;
};

/// The chunks of the shard.
std::vector<std::string> exported(rocks_store& from) {
  const auto drain = [&] {
    while (from.pump() > 0) {
    }
  };
  std::shared_ptr<shard_export> source;
  from.export_shard(shard, [&](std::shared_ptr<shard_export> got, const std::string& error) {
    INFO(error);
    REQUIRE(got);
    source = std::move(got);
  });
  drain();
  REQUIRE(source);
  std::vector<std::string> chunks;
  for (bool last = false; !last;) {
    source->next([&](shard_chunk chunk) {
      INFO(chunk.error);
      REQUIRE(chunk.error.empty());
      last = chunk.last;
      chunks.push_back(std::move(chunk.bytes));
    });
    drain();
  }
  CHECK(exported_marks(chunks.front()) == source->marks());
  return chunks;
}

bool import(rocks_store& to, const std::string& chunk) {
  bool ok = false;
  to.import_chunk(shard, chunk, [&](const commit_result& result) { ok = result.ok; });
  while (to.pump() > 0) {
  }
  return ok;
}

void compare(node& a, node& b) {
  const auto one = a.checksum();
  const auto two = b.checksum();
  CHECK(one.marks == two.marks);
  CHECK(one.content == two.content);
  CHECK(one.sessions == two.sessions);
  CHECK(one.messages == two.messages);
  CHECK(one.retained == two.retained);
  CHECK(one.bodies_agree);
  CHECK(two.bodies_agree);
  const auto first = description(a.store(), shard, 300);
  const auto second = description(b.store(), shard, 300);
  const auto differ = std::mismatch(first.begin(), first.end(), second.begin(), second.end());
  const auto from = static_cast<std::size_t>(differ.first - first.begin());
  const auto begin = from - std::min<std::size_t>(from, 100);
  CHECK(first.substr(begin, 200) == second.substr(begin, 200));
  CHECK(a.store().current().retained == one.retained);
  CHECK(b.store().current().retained == one.retained);
}

TEST_CASE("replicas that apply the same entries are the same", "[store][replicas]") {
  const auto seed = GENERATE(range(1U, 7U));
  CAPTURE(seed);
  shard_log log(seed);
  log.grow(1500);
  node plain(6 * seed + 2, false);
  node other(6 * seed + 3, false);
  node read(6 * seed + 5, true);
  plain.follow(log, 600);
  other.follow(log, 600 - seed * 30);
  const auto chunks = exported(plain.store());
  for (const auto& chunk : chunks) REQUIRE(import(other.store(), chunk));
  compare(plain, other);
  for (auto* each : {&plain, &other, &read}) each->follow(log, log.entries().size());
  compare(plain, other);
  compare(plain, read);
  CHECK(plain.checksum().messages > 50);
  CHECK(plain.checksum().sessions > 10);
  other.restart();
  compare(plain, other);
}

TEST_CASE("an export is of one moment", "[store][replicas]") {
  shard_log log(11);
  log.grow(800);
  node from(1, false);
  from.follow(log, 400);
  const auto before = from.checksum();
  std::shared_ptr<shard_export> source;
  from.store().export_shard(shard, [&](std::shared_ptr<shard_export> got, const std::string&) {
    source = std::move(got);
  });
  from.drain();
  REQUIRE(source);
  CHECK(source->marks().index == 400);
  for (std::uint64_t index = 401; index <= 800; ++index)
    from.store().commit(log.entry(index), nullptr);
  from.drain();
  CHECK(from.marks().index == 800);
  node to(2, false);
  for (bool last = false; !last;) {
    source->next([&](shard_chunk chunk) {
      REQUIRE(chunk.error.empty());
      last = chunk.last;
      REQUIRE(import(to.store(), chunk.bytes));
    });
    from.drain();
  }
  CHECK(to.checksum().content == before.content);
  CHECK(to.marks().index == 400);
  to.follow(log, 800);
  compare(from, to);
  // It ends with its store.
  from.store().close();
  bool answered = false;
  source->next([&](const shard_chunk& chunk) { answered = !chunk.error.empty(); });
  CHECK(answered);
}

TEST_CASE("a crash within an import leaves an empty shard that says so", "[store][replicas]") {
  shard_log log(12);
  log.grow(3000);
  node from(1, false);
  from.follow(log, 3000);
  const auto chunks = exported(from.store());
  REQUIRE(chunks.size() >= 3);
  node to(2, false);
  to.follow(log, 100);
  // Something of another shard, that has to stay.
  const auto put_beside = [&](std::uint64_t index) {
    transaction beside;
    beside.put_retained(static_cast<shard_id>(2), *text("beside/" + std::to_string(index), "x"));
    beside.applied(static_cast<shard_id>(2), index, 1);
    to.store().commit(std::move(beside), nullptr);
  };
  for (std::uint64_t index = 1; index <= 20; ++index) put_beside(index);
  for (std::size_t i = 0; i + 1 < chunks.size(); ++i) {
    REQUIRE(import(to.store(), chunks[i]));
    put_beside(21 + i);
  }
  to.drain();
  CHECK(to.marks().incomplete);
  CHECK(to.marks().index == 0);
  const auto entry_refused = [&] {
    bool refused = false;
    to.store().commit(log.entry(101), [&](const commit_result& result) { refused = !result.ok; });
    to.drain();
    return refused;
  };
  CHECK(entry_refused());
  const auto crash = GENERATE(true, false);
  if (crash) {
    to.crash(volatile_disk::loss::nothing);
  } else {
    to.restart();
  }
  CHECK(to.marks().incomplete);
  CHECK(to.marks().index == 0);
  CHECK(entry_refused());
  CHECK(to.store().current().retained == 20 + chunks.size() - 1);
  SECTION("it is imported after all") {
    for (const auto& chunk : chunks) REQUIRE(import(to.store(), chunk));
    CHECK(to.checksum().content == from.checksum().content);
    CHECK(to.marks() == from.marks());
  }
  SECTION("it is dropped") {
    to.store().drop_shard(shard, [](const commit_result& result) { CHECK(result.ok); });
    to.drain();
    CHECK(to.marks() == shard_marks{});
    CHECK(description(to.store(), shard, 300).find("session") == std::string::npos);
    to.follow(log, 3000);
    CHECK(to.checksum().content == from.checksum().content);
  }
  CHECK(to.store().marks(static_cast<shard_id>(2)).index == 20 + chunks.size() - 1);
}

TEST_CASE("an import takes its chunks in order and whole", "[store][replicas]") {
  shard_log log(13);
  log.grow(3000);
  node from(1, false);
  from.follow(log, 3000);
  const auto chunks = exported(from.store());
  REQUIRE(chunks.size() >= 3);
  for (const auto& chunk : chunks) CHECK(chunk.size() < 300'000);
  node to(2, false);
  CHECK_FALSE(import(to.store(), chunks[1]));
  CHECK_FALSE(to.marks().incomplete);
  const auto damaged = [&](std::size_t which, std::size_t at) {
    auto bytes = chunks[which];
    bytes[at] = static_cast<char>(bytes[at] ^ 1);
    return bytes;
  };
  CHECK_FALSE(import(to.store(), damaged(0, 100)));
  CHECK_FALSE(to.marks().incomplete);
  const auto begin = [&] { REQUIRE(import(to.store(), chunks[0])); };
  begin();
  CHECK_FALSE(import(to.store(), chunks[2]));
  CHECK_FALSE(import(to.store(), chunks[1]));  // it is over
  begin();
  CHECK_FALSE(import(to.store(), damaged(1, chunks[1].size() / 2)));
  begin();
  CHECK_FALSE(import(to.store(), std::string(chunks[1]).append("x")));
  CHECK(to.marks().incomplete);
  for (const auto& chunk : chunks) REQUIRE(import(to.store(), chunk));
  compare(from, to);
  bool refused = false;
  to.store().import_chunk(static_cast<shard_id>(2), chunks[0],
                          [&](const commit_result& result) { refused = !result.ok; });
  to.drain();
  CHECK(refused);
}

TEST_CASE("mutated chunks never do harm", "[store][replicas]") {
  shard_log log(14);
  log.grow(200);
  node from(1, false);
  from.follow(log, 200);
  const auto chunks = exported(from.store());
  REQUIRE(chunks.size() == 1);
  node to(2, false);
  std::mt19937 random(5);
  for (int round = 0; round < 500; ++round) {
    auto bytes = chunks[0];
    if (random() % 3 == 0) bytes.resize(random() % bytes.size());
    for (auto changes = 1 + random() % 3; changes > 0 && !bytes.empty(); --changes)
      bytes[random() % bytes.size()] = static_cast<char>(random());
    if (bytes == chunks[0]) continue;
    CHECK_FALSE(import(to.store(), bytes));
  }
  CHECK(to.marks() == shard_marks{});
}

TEST_CASE("a shard is dropped while its sessions are cleaned up", "[store][replicas]") {
  shard_log log(15);
  log.grow(600);
  node a(1, false);
  a.follow(log, 300);
  a.store().drop_shard(shard, nullptr);
  for (std::uint64_t index = 1; index <= 600; ++index) a.store().commit(log.entry(index), nullptr);
  a.drain();
  node b(2, false);
  b.follow(log, 600);
  compare(a, b);
}

TEST_CASE("a directory is read in pages while running", "[store][replicas]") {
  memory_store m(4, true);
  std::uint64_t index = 0;
  const auto commit = [&](transaction writes) {
    writes.applied(shard, ++index, 1);
    m.store->commit(std::move(writes), nullptr);
  };
  for (std::uint64_t count = 1; count <= 10; ++count) {
    transaction writes;
    session_record record;
    record.id = session(1, count);
    record.client_id = "c" + std::to_string(count);
    writes.put_session(record);
    // One has more subscriptions than a page takes.
    for (int i = 0; i < (count == 4 ? 30'000 : 3); ++i) {
      subscription_record subscription;
      subscription.filter = "f/" + std::to_string(i);
      writes.put_subscription(record.id, subscription);
    }
    commit(std::move(writes));
  }
  transaction erase;
  erase.erase_session(session(1, 7), "c7");
  commit(std::move(erase));
  std::map<std::uint64_t, std::size_t> found;
  std::string cursor;
  std::size_t pages = 0;
  do {
    std::optional<directory_page> page;
    // It waits for what was given before, by itself.
    m.store->read_directory(shard, cursor, 4, [&](directory_page got) { page = std::move(got); });
    m.drain();
    REQUIRE(page);
    REQUIRE_FALSE(page->failed);
    CHECK(page->damaged == 0);
    CHECK(page->sessions.size() <= 4);
    for (const auto& each : page->sessions) {
      CHECK(each.session.client_id == "c" + std::to_string(each.session.id.count()));
      found[each.session.id.count()] += each.subscriptions.size();
    }
    cursor = page->next;
    ++pages;
  } while (!cursor.empty());
  CHECK(pages >= 3);
  CHECK(found.size() == 9);
  CHECK(found[4] == 30'000);
  CHECK(found[10] == 3);
  CHECK_FALSE(found.contains(7));
}

}  // namespace
}  // namespace troupe::storage
