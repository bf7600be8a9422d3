#pragma once

#include "storage/store.hpp"

#include <string>
#include <string_view>

namespace troupe::storage {

struct decoded_transaction;

/// Transactions as entries of a shard's log (stored.transaction_record). Any thread.
class transaction_codec {
 public:
  /// All that the transaction writes and its first order number. Which entry it is
  /// (transaction::applied()) is not in it: that is known only where it stands in the log.
  static std::string encode(const transaction& from);

  /// Bytes that are no transaction, of a newer version, or that concern several shards give a
  /// sentence. What decodes can be given to commit() whatever it says.
  static decoded_transaction decode(std::string_view bytes);
};

struct decoded_transaction {
  transaction value;
  std::string error;  // a sentence; empty: `value` holds
};

}  // namespace troupe::storage
