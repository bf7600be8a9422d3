#include "cluster/raft/envelope.hpp"
#include "cluster/raft/group.hpp"
#include "storage/raft/rocks_raft_log.hpp"
#include "tests/support/catch.hpp"

#include <chrono>
#include <cstdio>
#include <deque>
#include <filesystem>
#include <malloc.h>
#include <memory>
#include <mutex>
#include <string>
#include <sys/resource.h>
#include <thread>
#include <utility>
#include <vector>

/// Figures for the README, hidden: test_raft "[measure]". Three nodes in one process, each with its
/// groups and its log on RocksDB; messages go by envelope through memory.
namespace troupe::cluster::raft {
namespace {

using clock = std::chrono::steady_clock;

time_ms now_ms() {
  return static_cast<time_ms>(
      std::chrono::duration_cast<std::chrono::milliseconds>(clock::now().time_since_epoch())
          .count());
}

double cpu_seconds() {
  rusage use{};
  getrusage(RUSAGE_SELF, &use);
  return static_cast<double>(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
         static_cast<double>(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6;
}

struct node;

struct replica final : group_host {
  replica(node& at, group_no no) : here(at), number(no) {}
  void send(node_id to, std::string message) override;
  void write(std::uint64_t batch_no, storage::raft_log_batch batch) override;
  void apply(log_index index, term_no, std::string_view) override { last = index; }
  void owned(term_no) override { owner = true; }
  void disowned(term_no) override { owner = false; }
  void leader_changed(node_id, term_no) override {}
  void members_changed(const membership&) override {}
  std::string snapshot_reference(log_index, term_no) override { return {}; }
  void snapshot_wanted(node_id, log_index, term_no, std::string_view) override {}
  void snapshot_offered(node_id, log_index, term_no, std::string_view) override {}
  void failed(const std::string& why) override { FAIL(why); }

  node& here;
  group_no number;
  std::unique_ptr<raft::group> group;
  bool owner = false;
  log_index last = 0;
  log_index told = 0;
};

struct node {
  node(node_id self, const std::string& directory, std::uint32_t count) : id(self) {
    storage::raft_log_options options;
    options.directory = directory;
    auto opened = storage::rocks_raft_log::open(options);
    REQUIRE(opened.value);
    log = std::move(opened.value);
    for (group_no i = 0; i < count; ++i) {
      auto& made = *replicas.emplace_back(std::make_unique<replica>(*this, i));
      group_settings settings;
      settings.number = i;
      settings.self = id;
      settings.seed = static_cast<std::uint64_t>(id) * 1000 + i;
      made.group = std::make_unique<raft::group>(settings, made);
      storage::raft_log_content content;
      storage::raft_log_batch batch;
      (void)group::bootstrap({{node_id{1}}, {node_id{2}}, {node_id{3}}}, content, batch);
      log->write(i, std::move(batch), nullptr);
      REQUIRE(made.group->start(now_ms(), std::move(content), 0).empty());
    }
  }
  /// Everything that came, as one turn.
  bool turn(std::vector<std::unique_ptr<node>>& all) {
    bool any = false;
    const auto now = now_ms();
    {
      const std::lock_guard lock(mutex);
      written.swap(taken);
    }
    for (const auto& [group, number] : taken) {
      replicas[group]->group->written(now, number);
      any = true;
    }
    taken.clear();
    for (auto& [from, frame] : std::exchange(arrived, {})) {
      envelope_reader reader(frame);
      while (auto message = reader.next()) {
        replicas[message->group]->group->receive(now, from, message->bytes);
      }
      any = true;
    }
    for (auto& one : replicas) {
      if (one->last == one->told) continue;
      one->told = one->last;
      one->group->applied(now, one->last, one->last);
    }
    if (now >= next_tick) {
      next_tick = now + 50;
      for (auto& one : replicas) one->group->tick(now);
    }
    for (std::size_t i = 0; i < 3; ++i) {
      if (out[i].empty()) continue;
      all[i]->arrived.emplace_back(id, out[i].take());
      ++frames;
    }
    return any;
  }

  const node_id id;
  std::unique_ptr<storage::rocks_raft_log> log;
  std::vector<std::unique_ptr<replica>> replicas;
  envelope_writer out[3];
  std::deque<std::pair<node_id, std::string>> arrived;
  std::mutex mutex;
  std::vector<std::pair<group_no, std::uint64_t>> written;
  std::vector<std::pair<group_no, std::uint64_t>> taken;
  time_ms next_tick = 0;
  std::uint64_t frames = 0;
};

void replica::send(node_id to, std::string message) {
  here.out[static_cast<std::uint64_t>(to) - 1].add(number, message);
}

void replica::write(std::uint64_t batch_no, storage::raft_log_batch batch) {
  here.log->write(number, std::move(batch), [this, batch_no](const std::string& error) {
    if (!error.empty()) std::abort();
    const std::lock_guard lock(here.mutex);
    here.written.emplace_back(number, batch_no);
  });
}

struct cluster_of_three {
  explicit cluster_of_three(std::uint32_t count) {
    path = std::filesystem::temp_directory_path() / "troupe-measure-XXXXXX";
    REQUIRE(mkdtemp(path.data()));
    for (std::uint64_t i = 1; i <= 3; ++i) {
      nodes.push_back(std::make_unique<node>(node_id{i}, path + "/" + std::to_string(i), count));
    }
    const auto end = now_ms() + 20'000;
    while (owners().size() < count && now_ms() < end) turn();
    REQUIRE(owners().size() == count);
  }
  ~cluster_of_three() {
    close();
    std::filesystem::remove_all(path);
  }
  /// Logs first: they call back.
  void close() {
    for (auto& one : nodes) one->log.reset();
    nodes.clear();
  }
  void turn() {
    bool any = false;
    for (auto& one : nodes) any = one->turn(nodes) || any;
    if (!any) std::this_thread::sleep_for(std::chrono::microseconds(50));
  }
  std::vector<replica*> owners() {
    std::vector<replica*> out;
    for (auto& one : nodes) {
      for (auto& each : one->replicas) {
        if (each->owner) out.push_back(each.get());
      }
    }
    return out;
  }
  std::string path;
  std::vector<std::unique_ptr<node>> nodes;
};

void measure(std::uint32_t groups, std::size_t batch, std::size_t window, std::size_t bytes) {
  cluster_of_three run(groups);
  auto owners = run.owners();
  const std::string entry(bytes, 'x');
  std::vector<std::size_t> open(owners.size(), 0);
  std::uint64_t done = 0;
  std::uint64_t refused = 0;
  const auto begin = clock::now();
  const auto cpu = cpu_seconds();
  while (clock::now() - begin < std::chrono::seconds(3)) {
    const auto now = now_ms();
    for (std::size_t i = 0; i < owners.size(); ++i) {
      if (open[i] + batch > window) continue;
      for (std::size_t k = 0; k < batch; ++k) {
        ++open[i];
        owners[i]->group->propose(entry, [&, i](outcome how, log_index) {
          --open[i];
          how == outcome::done ? ++done : ++refused;
        });
      }
      owners[i]->group->flush(now);
    }
    run.turn();
  }
  const auto seconds = std::chrono::duration<double>(clock::now() - begin).count();
  const auto used = cpu_seconds() - cpu;
  std::printf(
      "%u groups, %zu entries of %zu bytes at a time, window %zu: %.0f commits/s, %.2f us "
      "CPU each (three replicas and logs), %llu refused\n",
      groups, batch, bytes, window, static_cast<double>(done) / seconds,
      used * 1e6 / static_cast<double>(std::max<std::uint64_t>(done, 1)),
      static_cast<unsigned long long>(refused));
  run.close();
}

}  // namespace

TEST_CASE("commits a second", "[.][measure]") {
  measure(1, 1, 1, 100);
  measure(1, 1, 64, 100);
  measure(1, 32, 512, 100);
  measure(1, 4, 64, 4096);
  measure(64, 1, 1, 100);
  measure(64, 1, 16, 100);
  measure(64, 32, 128, 100);
}

TEST_CASE("what idle groups cost", "[.][measure]") {
  const auto before = mallinfo2().uordblks;
  cluster_of_three run(64);
  std::size_t counted = 0;
  for (auto& one : run.nodes) {
    for (auto& each : one->replicas) counted += each->group->memory_bytes();
  }
  std::printf(
      "3 x 64 groups: %.1f KiB each by own count, %.1f KiB each of the heap with the logs\n",
      static_cast<double>(counted) / 192 / 1024,
      static_cast<double>(mallinfo2().uordblks - before) / 192 / 1024);
  // The clock of the groups is ours: a minute of heartbeats without waiting for it.
  const auto cpu = cpu_seconds();
  std::uint64_t frames = 0;
  for (auto& one : run.nodes) frames += one->frames;
  auto now = now_ms();
  for (int tick = 0; tick < 1200; ++tick) {
    now += 50;
    for (auto& one : run.nodes) {
      for (auto& each : one->replicas) each->group->tick(now);
    }
    for (int hop = 0; hop < 2; ++hop) {
      for (auto& one : run.nodes) {
        for (auto& [from, frame] : std::exchange(one->arrived, {})) {
          envelope_reader reader(frame);
          while (auto message = reader.next()) {
            one->replicas[message->group]->group->receive(now, from, message->bytes);
          }
        }
        for (std::size_t i = 0; i < 3; ++i) {
          if (one->out[i].empty()) continue;
          run.nodes[i]->arrived.emplace_back(one->id, one->out[i].take());
          ++one->frames;
        }
      }
    }
  }
  std::uint64_t after = 0;
  for (auto& one : run.nodes) after += one->frames;
  std::printf(
      "idle: %.3f %% of a core for each of three nodes with 64 groups, %.0f frames a "
      "second of all\n",
      (cpu_seconds() - cpu) / 60 / 3 * 100, static_cast<double>(after - frames) / 60);
  CHECK(run.owners().size() == 64);
  run.close();
}

}  // namespace troupe::cluster::raft
