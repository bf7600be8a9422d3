#pragma once

#include <string>
#include <string_view>

/// Files of a data directory that hold a line or two, beside the databases.
namespace troupe::storage {

struct small_file {
  bool there = false;
  std::string text;   // at most longest_small_file bytes of it
  std::string error;  // a sentence
};

inline constexpr std::size_t longest_small_file = 256;

/// Blocks.
small_file read_small_file(const std::string& directory, const std::string& name);

/// Replaces the file in one step and syncs it and its directory: after a crash the old or the
/// new text is there. Empty, or a sentence. Blocks.
std::string replace_small_file(const std::string& directory, const std::string& name,
                               std::string_view text);

}  // namespace troupe::storage
