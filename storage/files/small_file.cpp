#include "storage/files/small_file.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <system_error>
#include <unistd.h>

namespace troupe::storage {
namespace {

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

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const auto put = ::write(fd, text.data(), text.size());
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(put));
  }
  return true;
}

}  // namespace

small_file read_small_file(const std::string& directory, const std::string& name) {
  const auto path = directory + "/" + name;
  const descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) {
    if (errno == ENOENT) return {};
    return {true, {}, fault("read", path, errno)};
  }
  std::array<char, longest_small_file> room{};
  std::size_t length = 0;
  while (length < room.size()) {
    const auto got = ::read(file.get(), room.data() + length, room.size() - length);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return {true, {}, fault("read", path, errno)};
    if (got == 0) break;
    length += static_cast<std::size_t>(got);
  }
  return {true, std::string(room.data(), length), {}};
}

std::string replace_small_file(const std::string& directory, const std::string& name,
                               std::string_view text) {
  const auto path = directory + "/" + name;
  const auto temporary = path + ".new";
  {
    const descriptor file(
        ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640));
    if (file.get() < 0) return fault("write", temporary, errno);
    if (!write_all(file.get(), text) || ::fsync(file.get()) != 0)
      return fault("write", temporary, errno);
  }
  if (std::rename(temporary.c_str(), path.c_str()) != 0) return fault("write", path, errno);
  const descriptor folder(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.get() < 0 || ::fsync(folder.get()) != 0) return fault("sync", directory, errno);
  return {};
}

}  // namespace troupe::storage
