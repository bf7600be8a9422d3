// Any text as a configuration file; what follows the first zero byte are lines
// "NAME=value" of the environment. What loads must survive the rest of the API.
#include "actors/config/changes.hpp"
#include "actors/config/load.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace {

troupe::config::environment variables_in(std::string_view text) {
  troupe::config::environment result;
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n'));
    const auto equals = line.find('=');
    if (equals != std::string_view::npos)
      result.emplace("TROUPE_" + std::string(line.substr(0, equals)), line.substr(equals + 1));
    text.remove_prefix(line.size() < text.size() ? line.size() + 1 : text.size());
  }
  return result;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace troupe::config;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto zero = input.find('\0');
  const auto variables =
      zero == std::string_view::npos ? environment{} : variables_in(input.substr(zero + 1));
  const auto result = load_text(input.substr(0, zero), "fuzz.toml", variables);
  for (const problem& each : result.problems) {
    if (to_string(each).empty()) std::abort();
  }
  if (!result.ok()) return 0;
  if (!describe_changes(result.value, result.value).empty()) std::abort();
  const configuration before;
  const configuration now = with_reloadable(before, result.value);
  // Whatever is left to change after a reload is what cannot be reloaded.
  for (const change& each : describe_changes(now, result.value)) {
    if (each.reloadable) std::abort();
  }
  return 0;
}
