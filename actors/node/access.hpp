#pragma once

#include <memory>
#include <string>
#include <vector>

#include "actors/config/configuration.hpp"
#include "actors/device/listener_settings.hpp"
#include "protocol/auth/admin/admin_tokens.hpp"
#include "protocol/auth/authorizer.hpp"
#include "protocol/auth/password_workers.hpp"

namespace troupe::node {

/// Who may come in and what they may do, made of the files that the
/// configuration names. Made anew as a whole at every reload.
struct access {
  std::shared_ptr<const auth::authorizer> authorizer;
  std::shared_ptr<const device::enhanced_methods> enhanced;
  std::shared_ptr<const auth::admin_tokens> tokens;  // of the admin API; may be empty
  /// One for each listener, in their order.
  std::vector<std::shared_ptr<const device::listener_settings>> listeners;
};

struct access_result {
  access value;
  std::vector<std::string> errors;  // sentences; empty: value is whole
};

/// Reads passwords, rights, tokens and certificates. Blocks on the disk.
access_result load_access(const config::configuration& from,
                          const std::shared_ptr<auth::password_workers>& workers);

}  // namespace troupe::node
