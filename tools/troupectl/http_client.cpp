#include "tools/troupectl/http_client.hpp"

#include <CLI/CLI.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <nlohmann/json.hpp>

#include <chrono>
#include <cstdint>
#include <fstream>
#include <optional>
#include <utility>

namespace troupe::ctl {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using tcp = asio::ip::tcp;
using error_code = boost::system::error_code;

constexpr auto patience = std::chrono::seconds(10);
constexpr std::uint64_t answer_limit = 64 * 1024 * 1024;  // bytes

struct url_parts {
  std::string host;
  std::string port = "80";
};

std::optional<url_parts> parse_url(std::string_view url) {
  constexpr std::string_view scheme = "http://";
  if (!url.starts_with(scheme)) return std::nullopt;
  url.remove_prefix(scheme.size());
  while (url.ends_with('/')) url.remove_suffix(1);
  url_parts parts;
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

  error_code run() {
    resolver_.async_resolve(to_.host, to_.port,
                            [this](const error_code& error, const tcp::resolver::results_type& at) {
                              if (!failed(error)) connect(at);
                            });
    loop_.run_for(patience);
    return done_ ? result_ : make_error_code(beast::error::timeout);
  }

  http::response<http::string_body>& response() { return parser_.get(); }

 private:
  bool failed(const error_code& error) {
    if (!error) return false;
    result_ = error;
    done_ = true;
    return true;
  }

  void connect(const tcp::resolver::results_type& at) {
    stream_.expires_after(patience);
    stream_.async_connect(at, [this](const error_code& error, const tcp::endpoint&) {
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
  beast::tcp_stream stream_;
  beast::flat_buffer buffer_;
  http::request<http::string_body> request_;
  http::response_parser<http::string_body> parser_;
  error_code result_;
  bool done_ = false;
};

/// The reason in the body of an error, if the node gave one.
std::string reason_in(const std::string& body) {
  const auto parsed = nlohmann::json::parse(body, nullptr, false);
  if (!parsed.is_object() || !parsed.contains("error")) return {};
  const auto& error = parsed["error"];
  return error.is_object() && error.contains("reason") && error["reason"].is_string()
             ? " " + error["reason"].get<std::string>()
             : std::string();
}

http::verb verb_of(http_method method) {
  if (method == http_method::post) return http::verb::post;
  return method == http_method::erase ? http::verb::delete_ : http::verb::get;
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
  command.add_option("--url", address.url, "HTTP address of the node")
      ->envname("TROUPE_URL")
      ->capture_default_str();
  command
      .add_option("--token-file", address.token_file,
                  "File whose first line is the token of the HTTP endpoint")
      ->envname("TROUPE_TOKEN_FILE");
}

http_answer http_get(const node_address& address, std::string_view path) {
  return http_send(address, http_method::get, path, {});
}

http_answer http_send(const node_address& address, http_method method, std::string_view path,
                      std::string_view body) {
  http_answer answer;
  auto parts = parse_url(address.url);
  if (!parts) {
    answer.problem = "\"" + address.url + "\" is not an address like http://127.0.0.1:18083.";
    return answer;
  }
  std::string token;
  if (!read_token(address.token_file, token)) {
    answer.problem = "The token file \"" + address.token_file + "\" cannot be read.";
    return answer;
  }
  exchange asked(std::move(*parts), verb_of(method), path, body, token);
  if (const auto error = asked.run()) {
    answer.problem = "No node answers at " + address.url + ": " + error.message() +
                     ". Is it running, and is its HTTP endpoint on?";
    return answer;
  }
  answer.status = asked.response().result_int();
  answer.body = std::move(asked.response().body());
  if (answer.status != 200) {
    answer.problem = "The node at " + address.url + " answered " + std::to_string(answer.status) +
                     " to " + std::string(path) + "." + reason_in(answer.body);
  }
  return answer;
}

http_answer http_post(const node_address& address, std::string_view path, std::string json) {
  return http_send(address, http_method::post, path, json);
}

}  // namespace troupe::ctl
