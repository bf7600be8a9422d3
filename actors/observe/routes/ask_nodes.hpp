#pragma once

#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>

#include "actors/observe/http/http_message.hpp"
#include "actors/observe/http/http_route.hpp"
#include "actors/observe/routes/admin_question.hpp"

/// What routes that ask nodes have in common.
namespace troupe::observe {

/// The question `what` with those parameters of the query and the path that were sent.
admin_question question_of(std::string what, const http_request& request,
                           std::initializer_list<std::string_view> terms);

/// The parameter `node`.
http_parameter node_parameter();

/// The refusal of the nodes that were asked; `code`: of a 404, in place of the usual one.
http_response refusal(const admin_gathered& all, std::string_view code = {});

/// A page: `{"data": [...], "meta": {"cursor": ..., "count": ..., "hasnext": ...}, "partial":
/// ["name of a node that did not answer"]}`.
void reply_page(admin_source& nodes, admin_question question, const http_request& request,
                const http_reply& reply);

/// The same, of what the node that is asked tells for all.
void reply_page_here(admin_source& nodes, admin_question question, const http_request& request,
                     const http_reply& reply);

/// The first row alone; the node's refusal otherwise.
void reply_one(admin_source& nodes, admin_question question, std::string node,
               const http_reply& reply);

/// The first row alone, as the outcome of an order; `audit` makes the line for the audit log of it.
void reply_outcome(admin_source& nodes, admin_question question,
                   std::function<std::string(const std::string& json)> audit,
                   const http_reply& reply);

/// 204, or the refusal. `done`: for the audit log.
void reply_order(admin_source& nodes, admin_question question, std::string done,
                 const http_reply& reply);

}  // namespace troupe::observe
