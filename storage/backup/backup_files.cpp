#include "storage/backup/backup_files.hpp"

#include "storage/files/small_file.hpp"

#include <algorithm>
#include <charconv>
#include <fcntl.h>
#include <map>
#include <unistd.h>

namespace troupe::storage::backup {
namespace {

namespace fs = std::filesystem;

constexpr const char* first_line = "troupe backup 1";
constexpr const char* current_file = "CURRENT";

std::string sync(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const bool ok = fd >= 0 && ::fsync(fd) == 0;
  const auto code = errno;
  if (fd >= 0) ::close(fd);
  return ok ? std::string()
            : "Cannot write " + path + ": " + std::generic_category().message(code) + ".";
}

/// Names and sizes of the files in it, and of those in the copy of the Raft log.
std::map<std::string, std::uint64_t> files_of(const std::string& directory,
                                              std::error_code& error) {
  std::map<std::string, std::uint64_t> all;
  for (const auto& below : {std::string(), std::string(raft_directory) + "/"}) {
    if (!below.empty() && !fs::exists(directory + "/" + below, error)) continue;
    for (fs::directory_iterator at(directory + "/" + below, error), end; !error && at != end;
         at.increment(error)) {
      const auto name = below + at->path().filename().native();
      if (name != info_file && at->is_regular_file(error)) all[name] = at->file_size(error);
    }
  }
  return all;
}

/// False: there is no such line.
bool take_number(std::string_view text, std::string_view key, std::uint64_t& to) {
  const auto at = text.find("\n" + std::string(key) + " ");
  if (at == std::string_view::npos) return false;
  const auto* begin = text.data() + at + key.size() + 2;
  return std::from_chars(begin, text.data() + text.size(), to).ec == std::errc();
}

}  // namespace

backup_info read_info(const std::string& directory) {
  backup_info info;
  info.name = fs::path(directory).filename().native();
  const auto file = read_small_file(directory, info_file);
  std::uint64_t begun = 0;
  if (!file.error.empty()) {
    info.error = file.error;
  } else if (!file.there || !file.text.starts_with(first_line) ||
             !take_number(file.text, "begun", begun) ||
             !take_number(file.text, "bytes", info.bytes) ||
             !take_number(file.text, "files", info.files)) {
    info.error = "The directory " + directory + " is no backup, or one that was not finished.";
  }
  info.begun = static_cast<std::int64_t>(begun);
  if (info.error.empty()) {
    // Not of a single node.
    (void)take_number(file.text, "cluster", info.cluster);
    (void)take_number(file.text, "node", info.node);
  }
  return info;
}

std::string finish(const std::string& directory, backup_info& info) {
  std::error_code error;
  const auto files = files_of(directory, error);
  if (error) return "Cannot read " + directory + ": " + error.message() + ".";
  info.files = files.size();
  info.bytes = 0;
  for (const auto& [name, size] : files) {
    info.bytes += size;
    if (auto wrong = sync(directory + "/" + name); !wrong.empty()) return wrong;
  }
  auto text = std::string(first_line) + "\nbegun " + std::to_string(info.begun) + "\nbytes " +
              std::to_string(info.bytes) + "\nfiles " + std::to_string(info.files) + "\n";
  if (info.cluster != 0)
    text +=
        "cluster " + std::to_string(info.cluster) + "\nnode " + std::to_string(info.node) + "\n";
  return replace_small_file(directory, info_file, text);
}

std::string make_empty(const std::string& directory) {
  std::error_code error;
  fs::create_directories(directory, error);
  if (error) return "Cannot make the directory " + directory + ": " + error.message() + ".";
  if (!fs::is_empty(directory, error) || error)
    return "The directory " + directory +
           " is not empty. Nothing was changed: move it away, or name another one.";
  return {};
}

std::string check_complete(const std::string& directory, const backup_info& info) {
  std::error_code error;
  const auto files = files_of(directory, error);
  std::uint64_t bytes = 0;
  for (const auto& [name, size] : files) bytes += size;
  if (!error && files.size() == info.files && bytes == info.bytes && files.contains(current_file))
    return {};
  return "The backup " + directory + " is not complete: it should have " +
         std::to_string(info.files) + " files of " + std::to_string(info.bytes) + " bytes.";
}

std::string copy_files(const std::string& from, const std::string& to, const backup_info& info) {
  if (auto wrong = check_complete(from, info); !wrong.empty()) return wrong;
  std::error_code error;
  const auto files = files_of(from, error);
  const auto copy = [&](const std::string& name) {
    fs::copy_file(from + "/" + name, to + "/" + name, error);
    if (error) return "Cannot write " + to + "/" + name + ": " + error.message() + ".";
    return sync(to + "/" + name);
  };
  for (const auto& [name, size] : files)
    if (name != current_file)
      if (auto wrong = copy(name); !wrong.empty()) return wrong;
  if (auto wrong = sync(to); !wrong.empty()) return wrong;
  if (auto wrong = copy(current_file); !wrong.empty()) return wrong;
  return sync(to);
}

std::string move_files(const std::string& from, const std::string& to) {
  std::error_code error;
  const auto files = files_of(from, error);
  if (error || !files.contains(current_file))
    return "Cannot read " + from + ": " + (error ? error.message() : "there is no store") + ".";
  const auto move = [&](const std::string& name) {
    if (auto wrong = sync(from + "/" + name); !wrong.empty()) return wrong;
    fs::rename(from + "/" + name, to + "/" + name, error);
    return error ? "Cannot write " + to + "/" + name + ": " + error.message() + "." : std::string();
  };
  for (const auto& [name, size] : files)
    if (name != current_file)
      if (auto wrong = move(name); !wrong.empty()) return wrong;
  if (auto wrong = sync(to); !wrong.empty()) return wrong;
  if (auto wrong = move(current_file); !wrong.empty()) return wrong;
  fs::remove_all(from, error);
  if (error) return "Cannot delete " + from + ": " + error.message() + ".";
  return sync(to);
}

}  // namespace troupe::storage::backup
