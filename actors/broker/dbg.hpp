#pragma once
#include <cstdio>
#include <cstdlib>
#include "actors/broker/remote/peers.hpp"
namespace troupe::broker { inline bool dbg_on() { static const bool on = std::getenv("TROUPE_TRACE") != nullptr; return on; } }
#define DBG(...) do { if (::troupe::broker::dbg_on()) { std::fprintf(stderr, __VA_ARGS__); std::fputc('\n', stderr); } } while (0)
