#include "actors/observe/routes/shard_routes.hpp"

#include "actors/observe/http/cluster_view.hpp"
#include "actors/observe/http/http_router.hpp"
#include "actors/observe/http/paging.hpp"
#include "actors/observe/routes/ask_nodes.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>
#include <string>
#include <utility>
#include <vector>

namespace troupe::observe {
namespace {

using nlohmann::json;

/// The order to give a shard to another owner, on its way: who is who, what becomes of the new
/// owner, then the order to the present one.
struct shard_order : std::enable_shared_from_this<shard_order> {
  shard_order(std::shared_ptr<cluster_source> from, std::shared_ptr<admin_source> to,
              http_reply done)
      : cluster(std::move(from)), nodes(std::move(to)), reply(std::move(done)) {}

  void begin() {
    cluster->view([self = shared_from_this()](const cluster_view& view) { self->known(view); });
  }

  void known(const cluster_view& view) {
    const auto named = std::ranges::find_if(view.members, [this](const member_view& each) {
      return each.name == node || each.node == node;
    });
    if (named == view.members.end())
      return reply(http_error(404, "No member of the cluster has the name \"" + node + "\"."));
    node = named->name;
    id = named->node;
    cluster->shards([self = shared_from_this()](const std::vector<shard_view>& shards) {
      self->placed(shards);
    });
  }

  void placed(const std::vector<shard_view>& shards) {
    const auto row = std::ranges::find(shards, shard, &shard_view::shard);
    if (row == shards.end()) return reply(http_error(404, "There is no such shard."));
    if (std::ranges::find(row->replicas, node) == row->replicas.end()) {
      std::string holders;
      for (const auto& each : row->replicas) holders += (holders.empty() ? "" : ", ") + each;
      return reply(http_error(409, "NOT_A_REPLICA",
                              node + " holds no replica of the shard; these do: " + holders + "."));
    }
    owner = row->owner;
    if (owner.empty()) return reply(http_error(503, "The shard has no owner now; ask again."));
    ask("shard_await", node, [self = shared_from_this()] {
      self->ask("shard_move", self->owner, [self] { self->done(); });
    });
  }

  void ask(std::string what, const std::string& whom, std::function<void()> then) {
    admin_question question;
    question.what = std::move(what);
    question.terms = {{"shard", std::to_string(shard)}, {"to", id}};
    nodes->ask(std::move(question), whom,
               [self = shared_from_this(), then = std::move(then)](const admin_gathered& all) {
                 if (all.answer.status / 100 == 2) return then();
                 self->reply(refusal(all));
               });
  }

  void done() {
    const auto text = "Shard " + std::to_string(shard) +
                      (owner == node ? " stays with " + node : " is given to " + node) + ".";
    auto response = json_response({{"done", true}, {"text", text}});
    response.audit = "shard " + std::to_string(shard) + " to " + node;
    reply(std::move(response));
  }

  const std::shared_ptr<cluster_source> cluster;
  const std::shared_ptr<admin_source> nodes;
  const http_reply reply;
  std::size_t shard = 0;
  std::string node;   // name, or id until it is known
  std::string id;     // of the node
  std::string owner;  // name
};

}  // namespace

void add_shard_routes(http_router& routes, std::shared_ptr<cluster_source> cluster,
                      std::shared_ptr<admin_source> nodes) {
  routes.add(
      {.method = "POST",
       .path = "/api/v1/cluster/shards/{shard}/owner",
       .least = admin_role::admin,
       .help = "Gives a shard to another node that holds a replica of it. It stays there until that "
               "node is lost or ends.",
       .body = R"({"node": "text"})",
       .answer = R"({"done": "boolean", "text": "text"})",
       .handler = [cluster, nodes](const http_request& request, const http_reply& reply) {
         if (!cluster)
           return reply(http_error(
               404, "ALONE", "This node runs alone: its configuration has no cluster.listen."));
         const auto order = std::make_shared<shard_order>(cluster, nodes, reply);
         const auto& text = request.parameters.find("shard")->second;
         const auto* const end = text.data() + text.size();
         const auto read = std::from_chars(text.data(), end, order->shard);
         if (read.ec != std::errc{} || read.ptr != end)
           return reply(http_error(404, "There is no such shard."));
         order->node = json::parse(request.body, nullptr, false).value("node", std::string());
         if (order->node.empty())
           return reply(http_error(400, "\"node\" must name a member, as in {\"node\": \"broker-3\"}."));
         order->begin();
       }});
}

}  // namespace troupe::observe
