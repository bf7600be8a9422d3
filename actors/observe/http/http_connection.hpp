#pragma once

#include "actors/observe/http/http_acceptor.hpp"
#include "actors/observe/http/http_endpoint.hpp"

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_set>

namespace troupe::observe {

class http_connection;

/// What the connections of one endpoint share.
struct http_service {
  http_service(boost::asio::io_context& on, http_settings with, http_router to)
      : loop(on), settings(std::move(with)), routes(std::move(to)) {}

  boost::asio::io_context& loop;
  http_settings settings;
  http_router routes;
  std::unordered_set<http_connection*> open;
  std::unordered_set<http_connection*> open_local;  // of the Unix socket

  std::unordered_set<http_connection*>& connections_of(const http_peer& peer) {
    return peer.local ? open_local : open;
  }
};

/// One HTTP client: read a request, have it answered, write the answer, and
/// again. Lives as long as an operation of its own is pending or a handler
/// owes it an answer. On the endpoint's loop only.
class http_connection : public std::enable_shared_from_this<http_connection> {
 public:
  using socket = http_acceptor::socket;
  using error_code = boost::system::error_code;

  http_connection(std::shared_ptr<http_service> service, socket stream, http_peer peer);
  ~http_connection();

  void read();
  /// Ends it at once; what is pending finds it closed.
  void close();

 private:
  using parser = boost::beast::http::request_parser<boost::beast::http::string_body>;

  void on_read(const error_code& error);
  void ask();
  http_reply reply_for(std::uint64_t question);
  void answer(std::uint64_t question, http_response response);
  void write(http_response response, bool keep_alive);
  void drain(std::size_t allowed);

  std::shared_ptr<http_service> service_;
  boost::beast::basic_stream<http_acceptor::protocol> stream_;
  http_peer peer_;
  boost::beast::flat_buffer buffer_;
  std::optional<parser> parser_;
  boost::asio::steady_timer patience_;  // for the handler
  std::uint64_t question_ = 0;          // the one that awaits its answer, when asking_
  bool asking_ = false;
  bool closed_ = false;
};

}  // namespace troupe::observe
