#pragma once

#include <caf/mailbox_element.hpp>
#include <caf/type_nr.hpp>

#include <cstddef>
#include <cstdint>
#include <typeinfo>
#include <utility>

namespace troupe::runtime {

namespace detail {

template <class T>
bool holds(const caf::type_erased_tuple& xs, std::size_t pos) noexcept {
  // The type token has already told built-in types apart.
  if constexpr (caf::type_nr<T>::value != 0) {
    return true;
  } else {
    // One program, so one type_info of each type: no names to compare.
    return xs.type(pos).second == &typeid(T);
  }
}

}  // namespace detail

/// Whether the content is exactly (Ts...). Costs two or three virtual calls,
/// no behaviour and no allocation. Atoms are given as caf::atom_value.
template <class... Ts>
bool content_is(const caf::type_erased_tuple& xs) noexcept {
  if (xs.type_token() != caf::make_type_token<Ts...>()) return false;
  std::size_t pos = 0;
  return (detail::holds<Ts>(xs, pos++) && ...);
}

/// The content of a message that holds exactly one T, or nullptr.
template <class T>
const T* payload(const caf::mailbox_element& m) noexcept {
  const auto& xs = m.content();
  return content_is<T>(xs) ? static_cast<const T*>(xs.get(0)) : nullptr;
}

/// The content of a message `(name, T)`, or nullptr.
template <class T>
const T* payload(const caf::mailbox_element& m, caf::atom_value name) noexcept {
  const auto& xs = m.content();
  if (!content_is<caf::atom_value, T>(xs) || xs.get_as<caf::atom_value>(0) != name) return nullptr;
  return static_cast<const T*>(xs.get(1));
}

/// Whether the message is `name` alone.
inline bool is_atom(const caf::mailbox_element& m, caf::atom_value name) noexcept {
  const auto& xs = m.content();
  return content_is<caf::atom_value>(xs) && xs.get_as<caf::atom_value>(0) == name;
}

/// As payload(), to move from: a content that others share is copied first.
template <class T>
T* mutable_payload(caf::mailbox_element& m) {
  auto& xs = m.content();
  return content_is<T>(xs) ? static_cast<T*>(xs.get_mutable(0)) : nullptr;
}

/// As payload() of `(name, T)`, to move from.
template <class T>
T* mutable_payload(caf::mailbox_element& m, caf::atom_value name) {
  auto& xs = m.content();
  if (!content_is<caf::atom_value, T>(xs) || xs.get_as<caf::atom_value>(0) != name) return nullptr;
  return static_cast<T*>(xs.get_mutable(1));
}

/// A message for receivers that know many types: what it is made of is asked once.
class incoming {
 public:
  explicit incoming(caf::mailbox_element& m)
      : content_(m.content()), type_(content_.size() == 1 ? content_.type(0).second : nullptr) {}

  /// As mutable_payload(), of a type that is not CAF's own.
  template <class T>
  T* as() {
    static_assert(caf::type_nr<T>::value == 0);
    return type_ == &typeid(T) ? static_cast<T*>(content_.get_mutable(0)) : nullptr;
  }

 private:
  caf::type_erased_tuple& content_;
  const std::type_info* type_;
};

}  // namespace troupe::runtime
