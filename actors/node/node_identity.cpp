#include "actors/node/node_identity.hpp"

#include "cluster/map/member.hpp"
#include "cluster/shard_hash.hpp"

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <fcntl.h>
#include <optional>
#include <string_view>
#include <sys/random.h>
#include <system_error>
#include <unistd.h>

namespace troupe::node {
namespace {

using cluster::node_id;

constexpr std::string_view heading = "troupe node 1 ";
constexpr std::size_t longest = 256;

class descriptor {
 public:
  explicit descriptor(int fd) : fd_(fd) {}
  ~descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
  int get() const noexcept { return fd_; }

 private:
  int fd_;
};

std::string fault(const std::string& what, const std::string& path, int code) {
  return "Cannot " + what + " " + path + ": " + std::generic_category().message(code) +
         ". The data directory must be on a disk that this user may write.";
}

/// "troupe node 1 <id> <check>": the check finds a digit that somebody changed.
std::string text_of(node_id node) {
  const auto id = to_string(node);
  return std::string(heading) + id + " " + to_string(node_id{cluster::stable_hash(id)}) + "\n";
}

std::optional<node_id> parse(std::string_view text) {
  if (!text.starts_with(heading)) return std::nullopt;
  const auto digits = text.substr(heading.size(), 16);
  std::uint64_t value = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  if (error != std::errc() || end != digits.data() + digits.size() || value == 0)
    return std::nullopt;
  const node_id node{value};
  return text == text_of(node) ? std::optional(node) : std::nullopt;
}

node_identity read(int fd, const std::string& path) {
  std::array<char, longest> room{};
  std::size_t length = 0;
  while (length < room.size()) {
    const auto got = ::read(fd, room.data() + length, room.size() - length);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return {cluster::no_node, false, fault("read", path, errno)};
    if (got == 0) break;
    length += static_cast<std::size_t>(got);
  }
  if (const auto node = parse({room.data(), length})) return {*node, false, {}};
  return {cluster::no_node, false,
          "The file " + path +
              " is damaged or of a newer version of Troupe: it names this node in its cluster. "
              "Restore it from a backup or, with the id that `troupectl cluster show` tells on "
              "another node, by hand; or evict this node from the cluster and move its data "
              "directory away."};
}

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const auto put = ::write(fd, text.data(), text.size());
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(put));
  }
  return true;
}

/// Empty, or why the file could not be made.
std::string write(const std::string& directory, const std::string& path, node_id node) {
  const auto temporary = path + ".new";
  {
    const descriptor file(
        ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640));
    if (file.get() < 0) return fault("write", temporary, errno);
    if (!write_all(file.get(), text_of(node)) || ::fsync(file.get()) != 0)
      return fault("write", temporary, errno);
  }
  if (std::rename(temporary.c_str(), path.c_str()) != 0) return fault("write", path, errno);
  const descriptor folder(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.get() < 0 || ::fsync(folder.get()) != 0) return fault("sync", directory, errno);
  return {};
}

}  // namespace

node_identity identify(const std::string& data_dir, const std::function<std::uint64_t()>& random) {
  const std::string path = data_dir + "/node-id";
  const descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() >= 0) return read(file.get(), path);
  if (errno != ENOENT) return {cluster::no_node, false, fault("read", path, errno)};
  node_id node = cluster::no_node;
  while (node == cluster::no_node) node = node_id{random()};
  if (auto error = write(data_dir, path, node); !error.empty())
    return {cluster::no_node, false, std::move(error)};
  return {node, true, {}};
}

std::uint64_t kernel_random() {
  std::uint64_t value = 0;
  while (::getrandom(&value, sizeof value, 0) != sizeof value) {
  }
  return value;
}

}  // namespace troupe::node
