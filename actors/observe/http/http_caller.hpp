#pragma once

#include "actors/observe/http/http_acceptor.hpp"
#include "actors/observe/http/http_message.hpp"
#include "protocol/auth/admin/admin_tokens.hpp"

#include <string_view>

namespace troupe::observe {

/// Who asks, by what the request and its connection show: a token, if there are any; else root
/// or the node's own user on the Unix socket; else, while there are no tokens, anybody at the
/// port, which is on loopback then. A page in a browser on this machine may reach that too, by
/// a name of its own for 127.0.0.1: such a `host` has no role.
http_caller caller_of(const http_peer& peer, const auth::admin_tokens* tokens,
                      std::string_view authorization, std::string_view host);

}  // namespace troupe::observe
