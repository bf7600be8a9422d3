#pragma once

#include "actors/config/assignment.hpp"
#include "actors/config/keys.hpp"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::config {

/// A listener while its keys come in, and where each of them was given.
struct listener_draft {
  listener_configuration value;
  std::string where;                              // where the entry begins
  std::map<std::string_view, std::string> given;  // key of the table -> place
};

/// A configuration while it is put together from file and environment, in that
/// order, so that the later source wins. Then complete() fills what depends on
/// other keys and checks them against each other.
class draft {
 public:
  /// Starts from the defaults, to be replaced by the listeners of a file if it has any.
  draft();

  void apply(const assignments& source);
  load_result complete() &&;

 private:
  void apply_to_node(const assignment& from);
  void apply_to_listener(const assignment& from);
  void refuse(std::string where, std::string sentence);
  void refuse_unknown(const assignment& from);
  void name_listeners();
  void check_transports();
  void check_listener(const listener_draft& listener);
  void check_proxy(const listener_draft& listener);
  void check_tls(const listener_draft& listener);
  void check_addresses();
  void check_node();
  void check_groups();
  void check_http();
  void check_cluster();
  void check_cluster_secret();
  void check_cluster_addresses();
  void check_cluster_times();
  std::string place_of(std::string_view key) const;

  configuration value_;
  std::vector<listener_draft> listeners_;
  std::map<std::string_view, std::string> given_;
  std::vector<problem> problems_;
};

}  // namespace troupe::config
