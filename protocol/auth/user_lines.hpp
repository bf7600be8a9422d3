#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

/// Files with one `user:secret` line per user: passwords and SCRAM verifiers.
namespace troupe::auth {

/// What was read, or the sentence that says which file and line is wrong.
template <class Value>
struct loaded {
  std::shared_ptr<const Value> value;  // null: see error
  std::string error;

  explicit operator bool() const noexcept { return value != nullptr; }
};

/// Largest credential or access file that is read, in bytes.
inline constexpr std::size_t max_file_bytes = 256U << 20;

struct text_file {
  std::string text;
  std::string error;  // empty: the file was read
};

/// The whole of a regular file.
text_file read_text_file(const std::string& path);

struct user_line {
  std::size_t number = 0;  // from 1
  std::string_view user;
  std::string_view secret;
};

struct user_lines {
  std::vector<user_line> lines;  // views of the text given
  std::string error;             // empty: well-formed
};

/// Splits text into user lines. Blank lines and lines that begin with `#` are
/// skipped; a line without colon, without user or with a user seen before is an
/// error. `name` is the file's name for the error's sentence.
user_lines split_user_lines(std::string_view text, std::string_view name);

/// A sentence like "/etc/x, line 3: what is wrong".
std::string at_line(std::string_view name, std::size_t line, std::string_view what);

/// Why a user name cannot stand in such a file, or "".
std::string user_name_fault(std::string_view user);

/// Writes `user:secret` in place of the user's line or at the end; other lines
/// and comments stay. The file appears whole or not at all (temporary file,
/// fsync, rename) with mode 0600; a file that exists keeps owner and group
/// where the process may set them. Created if absent. Returns "" or a sentence.
std::string write_user_line(const std::string& path, std::string_view user,
                            std::string_view secret);

/// Removes the user's line in the same way. Naming no such user is an error.
std::string remove_user_line(const std::string& path, std::string_view user);

}  // namespace troupe::auth
