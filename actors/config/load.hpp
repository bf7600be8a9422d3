#pragma once

#include "actors/config/configuration.hpp"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::config {

/// Variables by name, as the process was given them.
using environment = std::map<std::string, std::string, std::less<>>;

/// The variables of this process whose names begin with TROUPE_.
environment process_environment();

/// One thing that is wrong.
struct problem {
  std::string where;     // "/etc/troupe/troupe.toml:12" or "environment variable TROUPE_..."
  std::string sentence;  // without the place, without a full stop

  bool operator==(const problem&) const = default;
};

/// "where: sentence"
std::string to_string(const problem& what);

/// A key that the command line sets: "--join host:port" is {"cluster.seeds", "host:port",
/// "--join"}. Text stands for every type, as in the environment; lists have commas.
struct option {
  std::string key;
  std::string value;
  std::string where;
};
using options = std::vector<option>;

struct load_result {
  configuration value;            // meaningful if there are no problems
  std::vector<problem> problems;  // in the order of the file, then of the environment
  std::string file;               // the file that was read, or empty

  bool ok() const noexcept { return problems.empty(); }
};

/// Reads `file`, or the file that TROUPE_CONFIG names if `file` is empty, or
/// none; then applies the environment: TROUPE_LIMITS__MAX_PACKET_SIZE,
/// TROUPE_LISTENERS__0__TLS__KEY, two underscores for each step. A variable
/// that begins with TROUPE_ and names no key is a problem, but for those that
/// Kubernetes sets for a service of that name. TROUPE_DATA is the default of node.data_dir.
/// What the command line sets wins over both. Blocks on the disk: not for a run loop.
load_result load(const std::string& file, const environment& variables,
                 const options& command_line = {});

/// The same from the text of a file; `name` stands for the file in problems.
load_result load_text(std::string_view toml, std::string_view name, const environment& variables,
                      const options& command_line = {});

}  // namespace troupe::config
