#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/smart_ptr/intrusive_ref_counter.hpp>

namespace troupe::session {

/// The subscription identifiers that a message is sent with [MQTT-3.3.4-4]: none of nearly every
/// message, and one pointer then, because full queues hold many. Copies share one list.
class subscription_ids {
 public:
  subscription_ids() = default;
  template <class Iterator>
  subscription_ids(Iterator first, Iterator last) {
    assign(first, last);
  }

  bool empty() const noexcept { return list_ == nullptr; }
  std::size_t size() const noexcept { return list_ ? list_->ids.size() : 0; }
  const std::uint32_t* begin() const noexcept { return list_ ? list_->ids.data() : nullptr; }
  const std::uint32_t* end() const noexcept { return begin() + size(); }

  template <class Iterator>
  void assign(Iterator first, Iterator last) {
    list_ = first == last ? nullptr : new list(first, last);
  }
  /// Adds to this copy.
  template <class Iterator>
  void append(Iterator first, Iterator last) {
    std::vector<std::uint32_t> all(begin(), end());
    all.insert(all.end(), first, last);
    assign(all.begin(), all.end());
  }
  void push_back(std::uint32_t id) { append(&id, &id + 1); }

 private:
  struct list : boost::intrusive_ref_counter<list> {
    template <class Iterator>
    list(Iterator first, Iterator last) : ids(first, last) {}

    std::vector<std::uint32_t> ids;  // never empty
  };

  boost::intrusive_ptr<const list> list_;
};

}  // namespace troupe::session
