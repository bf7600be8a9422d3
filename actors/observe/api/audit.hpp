#pragma once

#include "actors/observe/http/http_message.hpp"

#include <string_view>

/// Who changed what by the admin API, as lines of the log's module `audit`. They have the name
/// of a token, never the token, and no body, which may hold a password.
namespace troupe::observe {

/// Everything but GET and HEAD.
bool changes_something(std::string_view method) noexcept;

/// The reply that writes a line first: who, what, and what became of it.
http_reply audited(const http_request& request, http_reply reply);

/// Somebody without the right to it asked; such lines are limited in number.
void audit_refused(const http_request& request);

}  // namespace troupe::observe
