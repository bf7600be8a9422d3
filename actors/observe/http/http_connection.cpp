#include "actors/observe/http/http_connection.hpp"

#include "actors/observe/http/http_caller.hpp"

#include <boost/asio/post.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message_generator.hpp>
#include <boost/beast/http/read.hpp>

#include <chrono>
#include <string_view>
#include <utility>

namespace troupe::observe {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;

constexpr std::size_t drain_limit = 256 * 1024;  // bytes
constexpr auto drain_time = std::chrono::seconds(1);

std::string_view view(beast::string_view text) noexcept {
  return {text.data(), text.size()};
}

/// The answer to what could not be read as a request, if one is worth giving.
std::optional<http_response> refusal(const boost::system::error_code& error) {
  if (error == http::error::header_limit)
    return http_error(431, "The header of the request is too large.");
  if (error == http::error::body_limit)
    return http_error(413, "The body of the request is too large.");
  const bool unreadable =
      error.category() == http::make_error_code(http::error::bad_target).category();
  if (!unreadable || error == http::error::end_of_stream || error == http::error::partial_message)
    return std::nullopt;
  return http_error(400, "This is not an HTTP request: " + error.message() + ".");
}

template <class Message>
void set_head(Message& message, const http_response& response, bool keep_alive) {
  message.set(http::field::server, "troupe");
  message.set(http::field::content_type, response.content_type);
  message.set(http::field::cache_control, "no-store");
  message.set("X-Content-Type-Options", "nosniff");
  for (const auto& [name, value] : response.headers) message.set(name, value);
  message.keep_alive(keep_alive);
}

http::message_generator message_of(http_response response, bool head, bool keep_alive) {
  const auto status = static_cast<http::status>(response.status);
  if (head) {
    http::response<http::empty_body> message(status, 11);
    set_head(message, response, keep_alive);
    message.content_length(response.body.size());
    return http::message_generator(std::move(message));
  }
  http::response<http::string_body> message(status, 11);
  set_head(message, response, keep_alive);
  message.body() = std::move(response.body);
  message.prepare_payload();
  return http::message_generator(std::move(message));
}

}  // namespace

http_connection::http_connection(std::shared_ptr<http_service> service, socket stream,
                                 http_peer peer)
    : service_(std::move(service)),
      stream_(std::move(stream)),
      peer_(std::move(peer)),
      patience_(service_->loop) {
  service_->connections_of(peer_).insert(this);
}

http_connection::~http_connection() {
  service_->connections_of(peer_).erase(this);
}

void http_connection::close() {
  if (std::exchange(closed_, true)) return;
  asking_ = false;
  patience_.cancel();
  error_code ignored;
  stream_.socket().close(ignored);
}

void http_connection::read() {
  const auto& settings = service_->settings;
  parser_.emplace();
  parser_->header_limit(settings.header_limit);
  parser_->body_limit(settings.body_limit);
  stream_.expires_after(std::chrono::milliseconds(settings.timeout_ms));
  http::async_read(stream_, buffer_, *parser_,
                   [self = shared_from_this()](const error_code& error, std::size_t) {
                     if (!self->closed_) self->on_read(error);
                   });
}

void http_connection::on_read(const error_code& error) {
  if (!error) return ask();
  if (auto response = refusal(error)) return write(std::move(*response), false);
  close();
}

void http_connection::ask() {
  stream_.expires_never();
  auto& message = parser_->get();
  http_request request;
  request.method = view(message.method_string());
  if (request.method == "HEAD") request.method = "GET";
  request.content_type = view(message[http::field::content_type]);
  request.body = std::move(message.body());
  request.caller = caller_of(peer_, service_->settings.tokens.get(),
                             view(message[http::field::authorization]),
                             view(message[http::field::host]));
  asking_ = true;
  const auto question = ++question_;
  patience_.expires_after(std::chrono::milliseconds(service_->settings.timeout_ms));
  patience_.async_wait([self = shared_from_this(), question](const error_code& error) {
    if (!error) self->answer(question, http_error(503, "The node did not answer in time."));
  });
  service_->routes.dispatch(std::move(request), view(message.target()), reply_for(question));
}

http_reply http_connection::reply_for(std::uint64_t question) {
  return [weak = weak_from_this(), &loop = service_->loop, post = service_->settings.post,
          question](http_response response) {
    // Through the loop even from its own thread: handlers never nest. The
    // connection may only die there, so its pointer is locked there.
    auto answer = [weak, question, response = std::move(response)]() mutable {
      if (const auto self = weak.lock()) self->answer(question, std::move(response));
    };
    if (post)
      post(std::move(answer));
    else
      asio::post(loop, std::move(answer));
  };
}

void http_connection::answer(std::uint64_t question, http_response response) {
  if (!asking_ || question != question_) return;  // too late, or a second answer
  asking_ = false;
  patience_.cancel();
  write(std::move(response), parser_->keep_alive());
}

void http_connection::write(http_response response, bool keep_alive) {
  const bool head = parser_->is_header_done() && parser_->get().method() == http::verb::head;
  stream_.expires_after(std::chrono::milliseconds(service_->settings.timeout_ms));
  beast::async_write(stream_, message_of(std::move(response), head, keep_alive),
                     [self = shared_from_this(), keep_alive](const error_code& error, std::size_t) {
                       if (self->closed_) return;
                       if (error) return self->close();
                       if (keep_alive) return self->read();
                       error_code ignored;
                       self->stream_.socket().shutdown(socket::shutdown_send, ignored);
                       self->stream_.expires_after(drain_time);
                       self->drain(drain_limit);
                     });
}

/// Closing with unread input makes the kernel reset the connection, which can
/// take the answer away from the peer: read on for a little while.
void http_connection::drain(std::size_t allowed) {
  buffer_.clear();
  stream_.async_read_some(buffer_.prepare(4096), [self = shared_from_this(), allowed](
                                                     const error_code& error, std::size_t bytes) {
    if (self->closed_) return;
    if (error || bytes >= allowed) return self->close();
    self->drain(allowed - bytes);
  });
}

}  // namespace troupe::observe
