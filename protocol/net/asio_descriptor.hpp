#pragma once

#include <boost/asio/detail/epoll_reactor.hpp>
#include <boost/asio/io_context.hpp>

namespace troupe::net {
namespace detail {

// Asio has no public name for the descriptor that its reactor waits on. An
// explicit instantiation may name a private member; should a later Boost rename
// it, this does not compile.
using asio_epoll = int boost::asio::detail::epoll_reactor::*;
asio_epoll asio_epoll_member() noexcept;

template <asio_epoll Member>
struct asio_epoll_grant {
  friend asio_epoll asio_epoll_member() noexcept { return Member; }
};
template struct asio_epoll_grant<&boost::asio::detail::epoll_reactor::epoll_fd_>;

}  // namespace detail

/// The epoll set of an io_context: readable when a socket or a timer of Asio
/// is ready. Not when something was posted.
inline int asio_descriptor(boost::asio::io_context& io) {
  auto& reactor = boost::asio::use_service<boost::asio::detail::epoll_reactor>(io);
  reactor.init_task();
  return reactor.*detail::asio_epoll_member();
}

}  // namespace troupe::net
