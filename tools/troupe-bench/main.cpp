#include "tools/troupe-bench/scenario/command_line.hpp"
#include "tools/troupe-bench/scenario/scenarios.hpp"

#include <csignal>
#include <fstream>
#include <iostream>
#include <sys/resource.h>
#include <unistd.h>

namespace {

/// A socket for every client.
void raise_file_limit() {
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) != 0) return;
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
}

bool write_json(const std::string& to, const std::string& text) {
  if (to == "-") {
    std::cout << text << '\n';
    return std::cout.good();
  }
  std::ofstream file(to);
  file << text << '\n';
  file.close();
  return file.good();
}

}  // namespace

int main(int argc, char** argv) {
  using namespace troupe::bench;
  const auto command = parse_command_line(argc, argv);
  if (command.leave) return *command.leave;
  const auto& given = command.given;
  std::signal(SIGPIPE, SIG_IGN);
  raise_file_limit();
  const auto result = run(given);
  if (!given.quiet) {
    if (::isatty(STDERR_FILENO) != 0) std::cerr << "\r\033[K";
    (given.json == "-" ? std::cerr : std::cout) << summary(given, result) << std::flush;
  } else if (!result.failure.empty()) {
    std::cerr << "troupe-bench: " << result.failure << '\n';
  }
  if (!given.json.empty() && !write_json(given.json, json(given, result))) {
    std::cerr << "troupe-bench: " << given.json << " cannot be written\n";
    return 1;
  }
  return result.good() ? 0 : 1;
}
