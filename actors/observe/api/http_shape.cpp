#include "actors/observe/api/http_shape.hpp"

#include "actors/observe/log.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string_view>

namespace troupe::observe {
namespace {

using nlohmann::json;

struct type_of_value {
  std::string_view name;    // in a shape
  const char* schema;       // in JSON Schema; null: any
  std::string_view wanted;  // in a sentence
  bool (*has)(const json&);
};

constexpr std::array types{
    type_of_value{"text", "string", "a text", [](const json& v) { return v.is_string(); }},
    type_of_value{"integer", "integer", "a whole number",
                  [](const json& v) { return v.is_number_integer(); }},
    type_of_value{"number", "number", "a number", [](const json& v) { return v.is_number(); }},
    type_of_value{"boolean", "boolean", "true or false",
                  [](const json& v) { return v.is_boolean(); }},
    type_of_value{"any", nullptr, "anything", [](const json&) { return true; }},
};

constexpr std::string_view or_null = "|null";

bool may_be_null(const json& shape) {
  return shape.get_ref<const std::string&>().ends_with(or_null);
}

const type_of_value* find_type(const json& shape) {
  std::string_view wanted = shape.get_ref<const std::string&>();
  if (may_be_null(shape)) wanted.remove_suffix(or_null.size());
  const auto* const found = std::ranges::find(types, wanted, &type_of_value::name);
  return found == types.end() ? nullptr : found;
}

bool is_shape(const json& shape) {
  if (shape.is_string()) return find_type(shape) != nullptr;
  if (shape.is_array()) return shape.size() == 1 && is_shape(shape[0]);
  return shape.is_object() && std::ranges::all_of(shape, is_shape);
}

std::string named(const std::string& where) {
  return where.empty() ? "The body" : "\"" + where + "\"";
}

std::string fault_at(const std::string& where, const json& value, const json& shape);

std::string object_fault(const std::string& where, const json& value, const json& shape) {
  if (!value.is_object()) return named(where) + " must be a JSON object.";
  const auto inner = [&](const std::string& name) {
    return where.empty() ? name : where + "." + name;
  };
  for (const auto& [name, member] : value.items()) {
    auto expected = shape.find(name);
    if (expected == shape.end()) expected = shape.find(name + "?");
    if (expected == shape.end()) expected = shape.find("*");
    if (expected == shape.end()) return named(inner(name)) + " has no meaning here.";
    if (auto fault = fault_at(inner(name), member, *expected); !fault.empty()) return fault;
  }
  for (const auto& [name, ignored] : shape.items()) {
    if (name != "*" && !name.ends_with('?') && !value.contains(name))
      return named(inner(name)) + " is missing.";
  }
  return {};
}

std::string fault_at(const std::string& where, const json& value, const json& shape) {
  if (shape.is_object()) return object_fault(where, value, shape);
  if (shape.is_string()) {
    const auto* const type = find_type(shape);
    if (type->has(value) || (value.is_null() && may_be_null(shape))) return {};
    return named(where) + " must be " + std::string(type->wanted) + ".";
  }
  if (!value.is_array()) return named(where) + " must be an array.";
  for (std::size_t i = 0; i < value.size(); ++i) {
    auto fault = fault_at(where + "[" + std::to_string(i) + "]", value[i], shape[0]);
    if (!fault.empty()) return fault;
  }
  return {};
}

}  // namespace

nlohmann::json parse_shape(const std::string& text) {
  auto shape = json::parse(text, nullptr, false);
  if (is_shape(shape)) return shape;
  log_event(log_module::admin, log_level::critical, "A route declares what is no shape",
            {{"shape", text}});
  stop_logging();
  std::abort();
}

std::string shape_fault(const json& value, const json& shape) {
  return fault_at({}, value, shape);
}

nlohmann::json schema_of(const json& shape) {
  if (shape.is_string()) {
    const auto* const type = find_type(shape);
    auto schema = type->schema ? json{{"type", type->schema}} : json::object();
    if (may_be_null(shape)) schema["nullable"] = true;
    return schema;
  }
  if (shape.is_array()) return {{"type", "array"}, {"items", schema_of(shape[0])}};
  json schema = {{"type", "object"}};
  auto properties = json::object();
  auto required = json::array();
  for (const auto& [name, member] : shape.items()) {
    if (name == "*") {
      schema["additionalProperties"] = schema_of(member);
    } else if (name.ends_with('?')) {
      properties[name.substr(0, name.size() - 1)] = schema_of(member);
    } else {
      properties[name] = schema_of(member);
      required.push_back(name);
    }
  }
  if (!properties.empty()) schema["properties"] = std::move(properties);
  if (!required.empty()) schema["required"] = std::move(required);
  return schema;
}

}  // namespace troupe::observe
