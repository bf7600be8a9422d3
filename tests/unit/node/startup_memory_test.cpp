#include "actors/node/startup_memory.hpp"

#include "actors/observe/figures/process_figures.hpp"
#include "tests/support/catch.hpp"

#include <atomic>
#include <memory>
#include <string>
#include <thread>

using namespace troupe;

TEST_CASE("pages of the start leave while other threads run, and come back when used") {
  std::atomic<bool> end{false};
  std::atomic<std::uint64_t> turns{0};
  std::thread busy([&] {
    while (!end) turns += std::to_string(turns.load()).size();
  });
  const std::string kept(1 << 20, 'k');
  const auto before = observe::read_process_figures();
  for (int i = 0; i < 50; ++i) node::release_startup_memory();
  const auto after = observe::read_process_figures();
  const auto then = turns.load();
  while (turns.load() == then) std::this_thread::yield();
  end = true;
  busy.join();
  CHECK(kept == std::string(1 << 20, 'k'));
  CHECK(after.resident_bytes < before.resident_bytes);
}
