#include "tools/troupectl/http_client.hpp"

#include "tools/troupectl/console.hpp"
#include "tools/troupectl/interrupt.hpp"

#include <CLI/CLI.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <nlohmann/json.hpp>

#include <cctype>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <utility>
#include <vector>

namespace troupe::ctl {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using tcp = asio::ip::tcp;
using error_code = boost::system::error_code;

constexpr auto slice = std::chrono::milliseconds(50);  // between looks for Ctrl-C
constexpr std::size_t longest_path = 107;              // of a Unix socket
constexpr auto default_url = "http://127.0.0.1:18083";
constexpr std::uint64_t answer_limit = 64 * 1024 * 1024;  // bytes

struct url_parts {
  std::string host;
  std::string port = "80";
  std::string socket;  // path of a Unix socket; then the others mean nothing
};

std::optional<url_parts> parse_url(std::string_view url) {
  constexpr std::string_view local_scheme = "unix:";
  constexpr std::string_view scheme = "http://";
  url_parts parts;
  if (url.starts_with(local_scheme)) {
    url.remove_prefix(local_scheme.size());
    if (url.starts_with("//")) url.remove_prefix(2);
    if (url.empty() || url.size() > longest_path) return std::nullopt;
    parts.host = "localhost";
    parts.socket = url;
    return parts;
  }
  if (!url.starts_with(scheme)) return std::nullopt;
  url.remove_prefix(scheme.size());
  while (url.ends_with('/')) url.remove_suffix(1);
  std::string_view rest;
  if (url.starts_with('[')) {
    const auto end = url.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    parts.host = url.substr(1, end - 1);
    rest = url.substr(end + 1);
  } else {
    const auto colon = url.find(':');
    parts.host = url.substr(0, colon);
    rest = colon == std::string_view::npos ? std::string_view() : url.substr(colon);
  }
  if (!rest.empty() && rest.front() != ':') return std::nullopt;
  if (!rest.empty()) parts.port = rest.substr(1);
  const bool digits = parts.port.find_first_not_of("0123456789") == std::string::npos;
  const bool path_in_host = parts.host.find('/') != std::string::npos;
  if (parts.host.empty() || parts.port.empty() || !digits || path_in_host) return std::nullopt;
  return parts;
}

using protocol = asio::generic::stream_protocol;

/// One request and its answer, on a loop of its own so that nothing waits for ever.
class exchange {
 public:
  exchange(url_parts to, http::verb method, std::string_view path, std::string_view body,
           std::string_view token)
      : to_(std::move(to)), resolver_(loop_), stream_(loop_) {
    request_.version(11);
    request_.method(method);
    request_.target(beast::string_view(path.data(), path.size()));
    request_.set(http::field::host, to_.host);
    request_.set(http::field::user_agent, "troupectl");
    request_.keep_alive(false);
    request_.body() = body;
    if (!body.empty()) request_.set(http::field::content_type, "application/json");
    request_.prepare_payload();
    if (!token.empty()) request_.set(http::field::authorization, "Bearer " + std::string(token));
    parser_.body_limit(answer_limit);
  }

  error_code run(std::chrono::milliseconds patience) {
    if (!to_.socket.empty()) {
      reach({asio::local::stream_protocol::endpoint(to_.socket)}, 0);
    } else {
      resolver_.async_resolve(
          to_.host, to_.port, [this](const error_code& error, const tcp::resolver::results_type& at) {
            if (failed(error)) return;
            std::vector<protocol::endpoint> all;
            for (const auto& each : at) all.emplace_back(each.endpoint());
            reach(std::move(all), 0);
          });
    }
    const auto end = std::chrono::steady_clock::now() + patience;
    while (!done_ && std::chrono::steady_clock::now() < end) {
      if (interrupted()) return asio::error::operation_aborted;
      loop_.run_for(slice);
      if (loop_.stopped()) break;
    }
    return done_ ? result_ : asio::error::timed_out;
  }

  http::response<http::string_body>& response() { return parser_.get(); }

 private:
  bool failed(const error_code& error) {
    if (!error) return false;
    result_ = error;
    done_ = true;
    return true;
  }

  /// Tries each address in turn.
  void reach(std::vector<protocol::endpoint> all, std::size_t next) {
    error_code ignored;
    stream_.close(ignored);
    if (all.empty()) return void(failed(asio::error::host_not_found));
    const auto at = all[next];
    stream_.async_connect(at, [this, all = std::move(all), next](const error_code& error) mutable {
      if (error && next + 1 < all.size()) return reach(std::move(all), next + 1);
      if (!failed(error)) write();
    });
  }

  void write() {
    http::async_write(stream_, request_, [this](const error_code& error, std::size_t) {
      if (!failed(error)) read();
    });
  }

  void read() {
    http::async_read(stream_, buffer_, parser_, [this](const error_code& error, std::size_t) {
      if (!failed(error)) done_ = true;
    });
  }

  url_parts to_;
  asio::io_context loop_;
  tcp::resolver resolver_;
  protocol::socket stream_;
  beast::flat_buffer buffer_;
  http::request<http::string_body> request_;
  http::response_parser<http::string_body> parser_;
  error_code result_;
  bool done_ = false;
};

/// The sentence in the body of an error, if the node gave one.
std::string message_in(const std::string& body) {
  const auto parsed = nlohmann::json::parse(body, nullptr, false);
  if (!parsed.is_object() || !parsed.contains("message") || !parsed["message"].is_string())
    return {};
  auto sentence = parsed["message"].get<std::string>();
  if (!sentence.empty() && sentence.back() != '.') sentence += '.';
  return sentence;
}

http::verb verb_of(http_method method) {
  switch (method) {
    case http_method::post:
      return http::verb::post;
    case http_method::put:
      return http::verb::put;
    case http_method::erase:
      return http::verb::delete_;
    case http_method::get:
      break;
  }
  return http::verb::get;
}

/// Every byte that means something in a URL as %XX.
void add_escaped(std::string& to, std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || c == '-' || c == '_' || c == '.') {
      to += c;
    } else {
      to += '%';
      to += digits[byte >> 4];
      to += digits[byte & 15];
    }
  }
}

std::string variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? std::string() : value;
}

/// Whether somebody listens at the path and lets us in.
bool answers(const std::string& path) {
  if (path.size() > longest_path) return false;
  asio::io_context loop;
  asio::local::stream_protocol::socket probe(loop);
  error_code error;
  probe.open({}, error);
  if (!error) probe.non_blocking(true, error);
  if (!error) probe.connect(path, error);
  return !error;
}

/// The Unix socket of a node of this machine, or empty.
std::string local_url() {
  for (const auto& folder : {std::string("./troupe-data"), variable("TROUPE_DATA"),
                             std::string("/var/lib/troupe")}) {
    const auto path = folder + "/admin.sock";
    if (!folder.empty() && answers(path)) return "unix:" + path;
  }
  return {};
}

/// The first line of the file; false: it cannot be read.
bool read_token(const std::string& file, std::string& token) {
  if (file.empty()) return true;
  std::ifstream in(file);
  if (!std::getline(in, token)) return false;
  while (!token.empty() && (token.back() == '\r' || token.back() == ' ')) token.pop_back();
  return true;
}

}  // namespace

void add_address_options(CLI::App& command, node_address& address) {
  command.add_option("--url", address.url,
                     "Where the node answers, http://host:port or unix:/path/to/admin.sock "
                     "(TROUPE_URL)");
  command.add_option("--token-file", address.token_file,
                     "File whose first line is a token of the node (TROUPE_TOKEN_FILE)");
}

node_address resolved(const node_address& given, const console& with) {
  node_address result = given;
  const auto fill = [](std::string& to, const std::string& from, const char* name) {
    if (to.empty()) to = from.empty() ? variable(name) : from;
  };
  fill(result.url, with.address.url, "TROUPE_URL");
  fill(result.token_file, with.address.token_file, "TROUPE_TOKEN_FILE");
  if (!result.url.empty()) return result;
  result.url = local_url();
  if (result.url.empty())
    result.url = default_url;
  else
    result.token_file.clear();  // who may open the socket needs none
  return result;
}

http_answer http_get(const node_address& address, std::string_view target,
                     std::chrono::milliseconds patience) {
  return http_send(address, http_method::get, target, {}, patience);
}

http_answer http_send(const node_address& address, http_method method, std::string_view target,
                      std::string_view body, std::chrono::milliseconds patience) {
  http_answer answer;
  auto parts = parse_url(address.url);
  if (!parts) {
    answer.problem = "\"" + address.url +
                     "\" is not an address like http://127.0.0.1:18083 or unix:/path.";
    return answer;
  }
  std::string token;
  if (!read_token(address.token_file, token)) {
    answer.problem = "The token file \"" + address.token_file + "\" cannot be read.";
    return answer;
  }
  answer.asked = true;
  exchange asked(std::move(*parts), verb_of(method), target, body, token);
  if (const auto error = asked.run(patience)) {
    answer.problem = "No node answers at " + address.url + ": " + error.message() +
                     ". Is it running, and is its HTTP endpoint on?";
    return answer;
  }
  answer.status = asked.response().result_int();
  answer.body = std::move(asked.response().body());
  if (answer.status < 200 || answer.status > 299) {
    answer.problem = message_in(answer.body);
    if (answer.problem.empty())
      answer.problem = "The node at " + address.url + " answered " +
                       std::to_string(answer.status) + " to " +
                       std::string(target.substr(0, target.find('?'))) + ".";
  }
  return answer;
}

std::string path_of(std::string_view before, std::string_view segment) {
  std::string path(before);
  path += '/';
  add_escaped(path, segment);
  return path;
}

std::string with_query(std::string path, const query_values& values) {
  char separator = '?';
  for (const auto& [name, value] : values) {
    path += separator + name + "=";
    add_escaped(path, value);
    separator = '&';
  }
  return path;
}

}  // namespace troupe::ctl
