#include "protocol/auth/user_lines.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <unordered_map>

namespace troupe::auth {

namespace {

class file_handle {
 public:
  explicit file_handle(int fd) noexcept : fd_(fd) {}
  file_handle(const file_handle&) = delete;
  file_handle& operator=(const file_handle&) = delete;
  ~file_handle() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const noexcept { return fd_; }

 private:
  int fd_;
};

std::string system_fault(std::string_view doing, const std::string& path, int code) {
  return "cannot " + std::string(doing) + " " + path + ": " + std::strerror(code);
}

bool write_all(int fd, std::string_view text) noexcept {
  while (!text.empty()) {
    const ssize_t done = ::write(fd, text.data(), text.size());
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(done));
  }
  return true;
}

/// The real file behind a symbolic link, so that the link survives.
std::string resolved(const std::string& path) {
  char* real = ::realpath(path.c_str(), nullptr);
  if (!real) return path;
  std::string out(real);
  std::free(real);
  return out;
}

void sync_folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const file_handle handle(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (handle.get() >= 0) ::fsync(handle.get());
}

/// Others never read it. A group does if it did before, or, of a new file, if
/// the folder hands its group on (setgid): a broker that is not root reads there.
mode_t mode_of(const std::string& path) {
  struct stat about {};
  if (::stat(path.c_str(), &about) == 0) return 0600 | (about.st_mode & 0040);
  const auto slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const bool shared = ::stat(folder.c_str(), &about) == 0 && (about.st_mode & S_ISGID) != 0;
  return shared ? 0640 : 0600;
}

std::string replace_file(const std::string& named, std::string_view text) {
  const std::string path = resolved(named);
  std::string temporary = path + ".XXXXXX";
  const file_handle handle(::mkostemp(temporary.data(), O_CLOEXEC));  // mode 0600
  if (handle.get() < 0) return system_fault("create a temporary file beside", path, errno);
  struct stat before {};
  if (::stat(path.c_str(), &before) == 0 &&
      ::fchown(handle.get(), before.st_uid, before.st_gid) != 0 && errno != EPERM) {
    const int code = errno;
    ::unlink(temporary.c_str());
    return system_fault("set the owner of", temporary, code);
  }
  if (::fchmod(handle.get(), mode_of(path)) != 0 || !write_all(handle.get(), text) ||
      ::fsync(handle.get()) != 0 ||
      ::rename(temporary.c_str(), path.c_str()) != 0) {
    const int code = errno;
    ::unlink(temporary.c_str());
    return system_fault("write", path, code);
  }
  sync_folder_of(path);
  return {};
}

bool blank_or_comment(std::string_view line) noexcept {
  return line.empty() || line.front() == '#' ||
         line.find_first_not_of(" \t") == std::string_view::npos;
}

/// Cuts the next line off, without its end ("\n" or "\r\n").
std::string_view next_line(std::string_view& rest) noexcept {
  const auto end = rest.find('\n');
  std::string_view line = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

std::string edit(const std::string& path, std::string_view user, const std::string* fresh) {
  text_file old;
  if (::access(path.c_str(), F_OK) == 0) {
    old = read_text_file(path);
    if (!old.error.empty()) return old.error;
  } else if (!fresh) {
    return system_fault("read", path, errno);
  }
  std::string out;
  bool found = false;
  const std::string prefix = std::string(user) + ':';
  for (std::string_view rest = old.text; !rest.empty();) {
    const std::string_view line = next_line(rest);
    if (!line.starts_with(prefix)) {
      out.append(line) += '\n';
    } else if (!found && fresh) {
      out.append(*fresh) += '\n';
      found = true;
    } else {
      found = true;
    }
  }
  if (!found && !fresh) return path + " has no user \"" + std::string(user) + "\"";
  if (!found) out.append(*fresh) += '\n';
  return replace_file(path, out);
}

}  // namespace

text_file read_text_file(const std::string& path) {
  text_file out;
  const file_handle handle(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat about {};
  if (handle.get() < 0 || ::fstat(handle.get(), &about) != 0) {
    out.error = system_fault("read", path, errno);
    return out;
  }
  if (!S_ISREG(about.st_mode)) {
    out.error = "cannot read " + path + ": it is not a regular file";
    return out;
  }
  char buffer[65536];
  for (;;) {
    const ssize_t got = ::read(handle.get(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      out.error = system_fault("read", path, errno);
      return out;
    }
    if (got == 0) return out;
    if (out.text.size() + static_cast<std::size_t>(got) > max_file_bytes) {
      out.error = "cannot read " + path + ": it has more than 256 MiB";
      return out;
    }
    out.text.append(buffer, static_cast<std::size_t>(got));
  }
}

std::string at_line(std::string_view name, std::size_t line, std::string_view what) {
  return std::string(name) + ", line " + std::to_string(line) + ": " + std::string(what);
}

user_lines split_user_lines(std::string_view text, std::string_view name) {
  user_lines out;
  std::unordered_map<std::string_view, std::size_t> seen;
  std::size_t number = 0;
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view line = next_line(rest);
    ++number;
    if (blank_or_comment(line)) continue;
    const auto colon = line.find(':');
    if (colon == std::string_view::npos || colon == 0) {
      out.error = at_line(name, number, "expected \"user:hash\"");
      return out;
    }
    const std::string_view user = line.substr(0, colon);
    const auto [first, fresh] = seen.emplace(user, number);
    if (!fresh) {
      out.error = at_line(name, number,
                          "user \"" + std::string(user) + "\" stands in line " +
                              std::to_string(first->second) + " already");
      return out;
    }
    std::string_view secret = line.substr(colon + 1);
    while (secret.ends_with(' ') || secret.ends_with('\t')) secret.remove_suffix(1);
    out.lines.push_back({number, user, secret});
  }
  return out;
}

std::string user_name_fault(std::string_view user) {
  if (user.empty()) return "a user name must not be empty";
  if (user.size() > 65535) return "a user name has at most 65,535 bytes";
  if (user.front() == '#') return "a user name must not begin with #, which marks a comment";
  if (user.find_first_of(std::string_view(":\n\r\0", 4)) != std::string_view::npos) {
    return "a user name must not contain a colon, a line break or NUL";
  }
  return {};
}

std::string write_user_line(const std::string& path, std::string_view user,
                            std::string_view secret) {
  if (std::string fault = user_name_fault(user); !fault.empty()) return fault;
  const std::string line = std::string(user) + ':' + std::string(secret);
  return edit(path, user, &line);
}

std::string remove_user_line(const std::string& path, std::string_view user) {
  if (std::string fault = user_name_fault(user); !fault.empty()) return fault;
  return edit(path, user, nullptr);
}

}  // namespace troupe::auth
