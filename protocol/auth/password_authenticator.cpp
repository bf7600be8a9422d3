#include "protocol/auth/password_authenticator.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

namespace troupe::auth {

namespace {

using mqtt::reason_code;

/// User names come from the network: a log line shows them shortened, quoted
/// and without control characters.
std::string quoted(std::string_view name) {
  std::size_t shown = std::min<std::size_t>(name.size(), 64);
  // Not within a character of several bytes.
  while (shown < name.size() && shown > 0 && (name[shown] & 0xC0) == 0x80) --shown;
  std::string out = "\"";
  for (const char each : name.substr(0, shown)) {
    out += static_cast<unsigned char>(each) < 0x20 || each == '"' || each == 0x7f ? '?' : each;
  }
  return out + (shown < name.size() ? "...\"" : "\"");
}

verdict answer(bool right, const std::string& user) {
  if (right) return verdict::accept(user, "the password of " + quoted(user) + " is right");
  return verdict::refuse(reason_code::bad_user_name_or_password,
                         "user name " + quoted(user) + " is unknown or its password is wrong");
}

}  // namespace

password_authenticator::password_authenticator(password_options options,
                                               std::shared_ptr<password_workers> workers,
                                               std::shared_ptr<const password_file> file)
    : options_(options),
      workers_(std::move(workers)),
      cache_(std::make_shared<verified_cache>(options.cached_users)),
      file_(std::move(file)) {}

void password_authenticator::reload(std::shared_ptr<const password_file> file) {
  std::lock_guard lock(guard_);
  file_ = std::move(file);
  // Under the same lock, so that no check pairs the new generation with the old file.
  cache_->clear();
}

void password_authenticator::authenticate(credentials shown, std::function<void(verdict)> done) {
  if (!shown.certificate_name.empty()) {
    done(verdict::accept(shown.certificate_name,
                         "the client certificate names " + quoted(shown.certificate_name)));
    return;
  }
  std::shared_ptr<const password_file> file;
  {
    std::lock_guard lock(guard_);
    file = file_;
  }
  if (!shown.username || !file) {
    done(without_name(shown));
    return;
  }
  check(std::move(file), std::move(shown), std::move(done));
}

verdict password_authenticator::without_name(const credentials& shown) const {
  const bool allowed = options_.anonymous == anonymous_access::everybody ||
                       (options_.anonymous == anonymous_access::loopback && shown.loopback);
  if (!allowed && shown.username) {
    return verdict::refuse(
        reason_code::bad_user_name_or_password,
        "no passwords are configured, user name " + quoted(*shown.username) + " cannot be checked");
  }
  if (!allowed) {
    return verdict::refuse(reason_code::not_authorized,
                           options_.anonymous == anonymous_access::loopback
                               ? "a client without user name may connect from this machine only"
                               : "a client without user name may not connect");
  }
  if (shown.username && options_.trust_unchecked_usernames) {
    return verdict::accept(*shown.username,
                           "user name " + quoted(*shown.username) + " was taken unchecked");
  }
  return verdict::accept({}, "anonymous access is allowed");
}

void password_authenticator::check(std::shared_ptr<const password_file> file, credentials shown,
                                   std::function<void(verdict)> done) {
  std::string user = std::move(*shown.username);
  if (!shown.password) {
    done(verdict::refuse(reason_code::bad_user_name_or_password,
                         "user name " + quoted(user) + " came without a password"));
    return;
  }
  std::string password = std::move(*shown.password);
  const password_hash* known = file->find(user);
  const password_hash* against = known ? known : &file->decoy();
  if (against->cheap()) {
    done(answer(against->verify(password) && known, user));
    return;
  }
  std::uint64_t generation = 0;
  {
    // A reload between authenticate() and here must not be answered by what
    // was verified against the older file.
    std::lock_guard lock(guard_);
    generation = file_ == file ? cache_->generation() : ~std::uint64_t{0};
  }
  if (known && cache_->knows(user, password)) {
    done(answer(true, user));
    return;
  }
  auto shared_done = std::make_shared<std::function<void(verdict)>>(std::move(done));
  const bool queued =
      workers_->submit([file = std::move(file), against, known, generation, user,
                        password = std::move(password), cache = cache_, shared_done](bool run) {
        if (!run) {
          (*shared_done)(verdict::refuse(reason_code::server_shutting_down,
                                         "the broker stops before the password was checked"));
          return;
        }
        const bool right = against->verify(password) && known;
        if (right) cache->remember(user, password, generation);
        (*shared_done)(answer(right, user));
      });
  if (!queued) {
    (*shared_done)(verdict::refuse(reason_code::server_busy,
                                   "too many clients wait for their password check"));
  }
}

}  // namespace troupe::auth
