#pragma once

#include <span>

namespace boost::asio {
class io_context;
}

namespace troupe::net {

/// What every socket of a run loop shares. The io_context is run by one thread,
/// and outlives all transports and acceptors that were made with it.
struct loop_context {
  boost::asio::io_context& io;
  std::span<char> scratch;  // read buffer of all sockets of the loop, 64 KiB; at least 1 KiB
};

}  // namespace troupe::net
