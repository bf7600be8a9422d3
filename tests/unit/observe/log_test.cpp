#include "actors/observe/log.hpp"

#include "actors/observe/log_limit.hpp"
#include "tests/support/catch.hpp"

#include <nlohmann/json.hpp>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace troupe::observe;
namespace fs = std::filesystem;

namespace {

/// A folder of its own, gone with the test; the log is stopped before.
struct log_folder {
  log_folder() {
    std::string pattern = (fs::temp_directory_path() / "troupe-log-XXXXXX").string();
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    path = pattern;
  }
  ~log_folder() {
    stop_logging();
    fs::remove_all(path);
  }
  std::string file(const char* name) const { return (path / name).string(); }
  fs::path path;
};

std::vector<std::string> lines_of(const std::string& file) {
  std::ifstream in(file);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

/// Waits until the file holds so many lines.
bool has_lines(const std::string& file, std::size_t count) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (lines_of(file).size() < count) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

log_settings to_file(const std::string& file, log_format format = log_format::human) {
  log_settings settings;
  settings.file = file;
  settings.format = format;
  return settings;
}

}  // namespace

TEST_CASE("names of levels and modules go both ways") {
  for (int i = 0; i <= static_cast<int>(log_level::off); ++i) {
    auto level = log_level::trace;
    CHECK(parse(name(static_cast<log_level>(i)), level));
    CHECK(level == static_cast<log_level>(i));
  }
  for (std::size_t i = 0; i < log_module_count; ++i) {
    auto who = log_module::node;
    CHECK(parse(name(static_cast<log_module>(i)), who));
    CHECK(who == static_cast<log_module>(i));
  }
  auto level = log_level::error;
  CHECK(parse("warn", level));
  CHECK(level == log_level::warning);
  CHECK_FALSE(parse("loud", level));
}

TEST_CASE("each module has its own level") {
  const log_folder folder;
  const auto file = folder.file("log");
  REQUIRE(start_logging(to_file(file)).empty());
  set_log_level(log_module::net, log_level::debug);
  set_log_level(log_module::auth, log_level::off);
  CHECK(log_enabled(log_module::net, log_level::debug));
  CHECK_FALSE(log_enabled(log_module::auth, log_level::critical));
  log_event(log_module::net, log_level::debug, "one");
  log_event(log_module::session, log_level::debug, "two");
  log_event(log_module::auth, log_level::critical, "three");
  log_event(log_module::session, log_level::warning, "four", {{"client", "c\n1"}});
  stop_logging();
  const auto lines = lines_of(file);
  REQUIRE(lines.size() == 2);
  CHECK(lines[0].ends_with("Z debug net: one"));
  CHECK(lines[1].ends_with("Z warning session: four client=c\\n1"));
}

TEST_CASE("JSON lines carry time, level and module") {
  const log_folder folder;
  REQUIRE(start_logging(to_file(folder.file("log"), log_format::json)).empty());
  log_event(log_module::storage, log_level::error, "The disk is full", {{"bytes", 17}});
  stop_logging();
  const auto lines = lines_of(folder.file("log"));
  REQUIRE(lines.size() == 1);
  const auto line = nlohmann::json::parse(lines[0]);
  CHECK(line["level"] == "error");
  CHECK(line["module"] == "storage");
  CHECK(line["message"] == "The disk is full");
  CHECK(line["bytes"] == 17);
  CHECK(line["time"].get<std::string>().size() == std::string("2024-01-01T00:00:00.000Z").size());
}

TEST_CASE("a rotated log file is opened anew") {
  const log_folder folder;
  REQUIRE(start_logging(to_file(folder.file("log"))).empty());
  log_event(log_module::node, log_level::info, "before");
  REQUIRE(has_lines(folder.file("log"), 1));
  fs::rename(folder.file("log"), folder.file("log.1"));
  reopen_log();
  log_event(log_module::node, log_level::info, "after");
  stop_logging();
  REQUIRE(lines_of(folder.file("log")).size() == 1);
  CHECK(lines_of(folder.file("log"))[0].ends_with("after"));
  CHECK(lines_of(folder.file("log.1")).size() == 1);
}

TEST_CASE("a log file that cannot be opened is said in a sentence") {
  const auto problem = start_logging(to_file("/nonexistent/troupe/log"));
  CHECK(problem.find("/nonexistent/troupe/log") != std::string::npos);
}

TEST_CASE("a reader that takes nothing costs lines, never time") {
  const log_folder folder;
  const auto pipe = folder.file("pipe");
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  std::FILE* const reader = std::fopen(pipe.c_str(), "r+");
  REQUIRE(reader != nullptr);
  auto settings = to_file(pipe);
  settings.queue = 64;
  REQUIRE(start_logging(settings).empty());
  const auto dropped = log_lines_dropped();
  const auto begun = std::chrono::steady_clock::now();
  const std::string value(400, 'x');
  for (int i = 0; i < 5000; ++i)
    log_event(log_module::node, log_level::info, "noise", {{"value", value}});
  CHECK(std::chrono::steady_clock::now() - begun < std::chrono::seconds(5));
  CHECK(log_lines_dropped() - dropped > 4000);
  const auto stopping = std::chrono::steady_clock::now();
  stop_logging();
  CHECK(std::chrono::steady_clock::now() - stopping < std::chrono::seconds(5));
  std::fclose(reader);
}

TEST_CASE("many threads may log while the log starts and stops") {
  const log_folder folder;
  std::atomic<bool> done{false};
  std::vector<std::thread> writers;
  for (int i = 0; i < 3; ++i) {
    writers.emplace_back([&] {
      while (!done) log_event(log_module::node, log_level::info, "busy");
    });
  }
  for (int i = 0; i < 20; ++i) {
    REQUIRE(start_logging(to_file(folder.file("log"))).empty());
    stop_logging();
  }
  done = true;
  for (auto& writer : writers) writer.join();
  for (const auto& line : lines_of(folder.file("log"))) CHECK(line.ends_with("info node: busy"));
}

TEST_CASE("noisy lines are limited per kind and window, and counted") {
  log_limit limit;
  for (int i = 0; i < 10; ++i) CHECK(limit.ask("kind", 100).write);
  for (int i = 0; i < 5; ++i) CHECK_FALSE(limit.ask("kind", 109).write);
  CHECK(limit.ask("another", 109).write);
  const auto next = limit.ask("kind", 110);
  CHECK(next.write);
  CHECK(next.left_out == 5);
  CHECK(limit.ask("kind", 200).left_out == 0);
}
