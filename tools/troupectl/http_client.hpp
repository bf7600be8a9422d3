#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace CLI {
class App;
}

namespace troupe::ctl {

struct console;

/// Where the node answers and how to show that one may ask.
struct node_address {
  std::string url;  // "http://host:port" or "unix:/path"; empty: see resolved()
  std::string token_file;
};

/// Adds --url and --token-file.
void add_address_options(CLI::App& command, node_address& address);

/// What is not given is taken from the console; if it says nothing either, from the variables
/// TROUPE_URL and TROUPE_TOKEN_FILE; without an address the Unix socket of a node of this machine if one
/// listens there (in ./troupe-data, $TROUPE_DATA, /var/lib/troupe), else http://127.0.0.1:18083.
node_address resolved(const node_address& given, const console& with);

struct http_answer {
  unsigned status = 0;  // 0: there is none
  bool asked = false;   // a node was tried; else the address or the token file is wrong
  std::string body;
  std::string problem;  // a sentence, if there is no good answer
};

enum class http_method { get, post, put, erase };

inline constexpr auto http_patience = std::chrono::seconds(10);

/// Asks the node at a resolved address, for at most that time or until Ctrl-C. Blocks. `body`
/// is JSON, or empty.
http_answer http_send(const node_address& address, http_method method, std::string_view target,
                      std::string_view body, std::chrono::milliseconds patience = http_patience);
http_answer http_get(const node_address& address, std::string_view target,
                     std::chrono::milliseconds patience = http_patience);

/// "/path" with each text as one segment or value of its own, whatever it holds.
std::string path_of(std::string_view before, std::string_view segment);
using query_values = std::vector<std::pair<std::string, std::string>>;
std::string with_query(std::string path, const query_values& values);

}  // namespace troupe::ctl
