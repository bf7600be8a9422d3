#pragma once
#include <cstdio>
#include "actors/broker/remote/peers.hpp"
#include <cstdlib>
inline bool dbg_on() { static const bool on = std::getenv("TROUPE_TRACE") != nullptr; return on; }
#define DBG(...) do { if (dbg_on()) { std::fprintf(stderr, __VA_ARGS__); std::fputc('\n', stderr);} } while (0)
