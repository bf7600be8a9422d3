#pragma once

#include <string>

namespace troupe::config {

/// The commented configuration file: every key with what it means and its
/// default. A line "#key = value" is a key that is commented out; a line "# ..."
/// is prose. tools/packaging/troupe.toml holds this text, and a test compares them.
std::string example_file();

}  // namespace troupe::config
