#pragma once

#include <string>
#include <string_view>

namespace CLI {
class App;
}

namespace troupe::ctl {

/// Where the node answers and how to show that one may ask.
struct node_address {
  std::string url = "http://127.0.0.1:18083";
  std::string token_file;
};

/// Adds --url and --token-file.
void add_address_options(CLI::App& command, node_address& address);

struct http_answer {
  unsigned status = 0;
  std::string body;
  std::string problem;  // a sentence, if there is no answer of status 200
};

enum class http_method { get, post, erase };

/// Asks the node, for at most ten seconds. Blocks. `body` is JSON, or empty.
http_answer http_send(const node_address& address, http_method method, std::string_view path,
                      std::string_view body);
http_answer http_get(const node_address& address, std::string_view path);

/// Sends the node a JSON body, for at most ten seconds. Blocks.
http_answer http_post(const node_address& address, std::string_view path, std::string json);

}  // namespace troupe::ctl
