#pragma once

#include <cstdint>
#include <functional>

#include "protocol/schema/peer.pb.h"
#include "storage/store.hpp"

/// Pages of the store as frames. A null page stands for one that never came.
namespace troupe::broker {

/// peer::StoreRead::what
inline constexpr std::uint32_t read_owed_page = 1;
inline constexpr std::uint32_t read_whole_contents = 2;
inline constexpr std::uint32_t read_retained_page = 3;

storage::owed_page owed_of(const peer::StorePage* from);
storage::session_contents contents_of(const peer::StorePage* from);
storage::retained_page retained_of(const peer::StorePage* from);
void put_retained(const storage::retained_page& from, peer::StorePage& to);

/// Reads what another node has asked for: what a session is owed, or its contents.
void answer_read(storage::store& store, const peer::StoreRead& wanted,
                 std::function<void(peer::StorePage&)> done);

}  // namespace troupe::broker
