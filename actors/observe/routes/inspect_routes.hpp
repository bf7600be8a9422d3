#pragma once

#include <memory>

#include "actors/observe/routes/admin_question.hpp"

namespace troupe::observe {

class http_router;

/// `/api/v1/actors...`: what the actors of all nodes do.
void add_actor_routes(http_router& routes, std::shared_ptr<admin_source> nodes);

/// `/api/v1/clients...`, `/api/v1/sessions/{clientid}`, `/api/v1/subscriptions`.
void add_client_routes(http_router& routes, std::shared_ptr<admin_source> nodes);

/// `/api/v1/clients/{clientid}/mqueue_messages`: what waits for a client.
void add_queue_routes(http_router& routes, std::shared_ptr<admin_source> nodes);

/// `/api/v1/topics`: filters with subscribers.
void add_topic_routes(http_router& routes, std::shared_ptr<admin_source> nodes);

/// `/api/v1/top_talkers`, `/api/v1/slow_subscriptions`.
void add_top_routes(http_router& routes, std::shared_ptr<admin_source> nodes);

/// `/api/v1/storage...`: what the stores take.
void add_storage_routes(http_router& routes, std::shared_ptr<admin_source> nodes);

/// `/api/v1/banned...`: who may not connect.
void add_ban_routes(http_router& routes, std::shared_ptr<admin_source> nodes);

/// `/api/v1/trace...`: following clients and messages.
void add_trace_routes(http_router& routes, std::shared_ptr<admin_source> nodes);

/// `/api/v1/retained...`
void add_retained_routes(http_router& routes, std::shared_ptr<admin_source> nodes);

}  // namespace troupe::observe
