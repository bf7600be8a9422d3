#include "actors/config/assignment.hpp"

#include <toml++/toml.h>

namespace troupe::config {

namespace {

class reader {
 public:
  reader(std::string_view file, assignments& result) : file_(file), result_(result) {}

  void read(const toml::table& root) {
    for (const auto& [name, node] : root) {
      if (name.str() == "listeners")
        read_listeners(node);
      else
        read_named({}, name, node, std::nullopt);
    }
  }

 private:
  std::string place(const toml::source_region& region) const {
    return file_ + ":" + std::to_string(region.begin.line);
  }

  void read_listeners(const toml::node& node) {
    const toml::array* list = node.as_array();
    if (list == nullptr || !list->is_homogeneous(toml::node_type::table)) {
      refuse(place(node.source()), "listeners is a list of sections, each begun by [[listeners]]");
      return;
    }
    if (list->size() > most_listeners) {
      refuse(place(node.source()),
             "there are more than " + std::to_string(most_listeners) + " listeners");
      return;
    }
    for (const toml::node& each : *list) {
      const std::size_t index = result_.listeners.size();
      result_.listeners.push_back(place(each.source()));
      read_table({}, *each.as_table(), index);
    }
  }

  void read_table(const std::string& prefix, const toml::table& table,
                  std::optional<std::size_t> listener) {
    for (const auto& [name, node] : table) read_named(prefix, name, node, listener);
  }

  void read_named(const std::string& prefix, const toml::key& name, const toml::node& node,
                  std::optional<std::size_t> listener) {
    const std::string where = place(name.source());
    const std::string text(name.str());
    // A dot inside quotes is part of a name that no key has.
    if (text.find('.') != std::string::npos)
      refuse(where, "unknown key " + shown(text));
    else
      read_node(prefix.empty() ? text : prefix + "." + text, node, listener, where);
  }

  void read_node(const std::string& path, const toml::node& node,
                 std::optional<std::size_t> listener, const std::string& where) {
    // An empty table of an unknown name is still a mistake worth a message.
    if (const toml::table* table = node.as_table(); table != nullptr && !table->empty()) {
      read_table(path, *table, listener);
      return;
    }
    result_.list.push_back({listener, path, {value_of(node), false}, where});
  }

  static raw_value value_of(const toml::node& node) {
    if (const auto* flag = node.as_boolean()) return flag->get();
    if (const auto* number = node.as_integer()) return number->get();
    if (const auto* text = node.as_string()) return text->get();
    if (node.is_table()) return unusable{"a section"};
    if (node.is_floating_point()) return unusable{"a number with a fraction"};
    const toml::array* list = node.as_array();
    if (list == nullptr) return unusable{"a date or time"};
    std::vector<std::string> texts;
    for (const toml::node& each : *list) {
      const auto* text = each.as_string();
      if (text == nullptr) return unusable{"a list of something else than texts"};
      texts.push_back(text->get());
    }
    return texts;
  }

  void refuse(std::string where, std::string sentence) {
    result_.problems.push_back({std::move(where), std::move(sentence)});
  }

  std::string file_;
  assignments& result_;
};

}  // namespace

assignments read_toml(std::string_view text, std::string_view file) {
  assignments result;
  try {
    const toml::table root = toml::parse(text, file);
    reader(file, result).read(root);
  } catch (const toml::parse_error& error) {
    result.problems.push_back({std::string(file) + ":" + std::to_string(error.source().begin.line),
                               "not valid TOML: " + std::string(error.description())});
  }
  return result;
}

}  // namespace troupe::config
