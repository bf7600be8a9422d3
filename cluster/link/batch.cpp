#include "cluster/link/batch.hpp"

namespace troupe::cluster {

namespace {

template <class T>
void put(std::string& out, T x) {
  for (std::size_t i = 0; i < sizeof(T); ++i) out.push_back(static_cast<char>(x >> (8 * i)));
}

template <class T>
T get(std::string_view& from) {
  T x = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i)
    x |= static_cast<T>(static_cast<T>(static_cast<unsigned char>(from[i])) << (8 * i));
  from.remove_prefix(sizeof(T));
  return x;
}

}  // namespace

void write_batch_head(std::string& out, const batch_head& head) {
  out.push_back(batch_mark);
  out.push_back(static_cast<char>(head.flags));
  put(out, head.session);
  put(out, head.received);
  put(out, head.first);
}

void write_record(std::string& out, std::uint8_t type, std::string_view bytes) {
  out.push_back(static_cast<char>(type));
  put(out, static_cast<std::uint32_t>(bytes.size()));
  out.append(bytes);
}

std::string number_bytes(std::uint64_t x) {
  std::string out;
  put(out, x);
  return out;
}

std::optional<batch_reader> batch_reader::open(std::string_view blob) {
  if (blob.size() < batch_head_size || blob.front() != batch_mark) return std::nullopt;
  batch_reader made;
  made.head_.flags = static_cast<std::uint8_t>(blob[1]);
  blob.remove_prefix(2);
  made.head_.session = get<std::uint64_t>(blob);
  made.head_.received = get<std::uint64_t>(blob);
  made.head_.first = get<std::uint64_t>(blob);
  made.rest_ = blob;
  return made;
}

std::optional<batch_record> batch_reader::next() {
  if (rest_.empty() || error_ != nullptr) return std::nullopt;
  if (rest_.size() < record_head_size) {
    error_ = "A batch ends within the head of a record";
    return std::nullopt;
  }
  batch_record made;
  made.type = static_cast<std::uint8_t>(rest_.front());
  rest_.remove_prefix(1);
  const auto size = get<std::uint32_t>(rest_);
  if (size > rest_.size()) {
    error_ = "A record claims more bytes than its batch has";
    return std::nullopt;
  }
  made.bytes = rest_.substr(0, size);
  rest_.remove_prefix(size);
  return made;
}

std::optional<std::uint64_t> read_number(std::string_view bytes) {
  if (bytes.size() != 8) return std::nullopt;
  return get<std::uint64_t>(bytes);
}

}  // namespace troupe::cluster
