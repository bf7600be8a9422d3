#pragma once

#include "storage/store.hpp"
#include "storage/write_operations.hpp"

namespace troupe::storage {

struct transaction::content : write_operations {};

}  // namespace troupe::storage
