#include "tools/troupe-bench/measure/sequence_checker.hpp"

#include <algorithm>
#include <bit>

namespace troupe::bench {

arrival sequence_checker::take_unexpected(std::uint64_t sequence) {
  if (!faults_) faults_ = std::make_unique<faults>();
  auto& gaps = faults_->gaps;
  if (sequence >= next_) {
    faults_->missing += sequence - next_;
    gaps.emplace_back(next_, sequence);
    if (gaps.size() > most_gaps) gaps.erase(gaps.begin());
    next_ = sequence + 1;
    return arrival::fresh;
  }
  const auto gap =
      std::upper_bound(gaps.begin(), gaps.end(), sequence,
                       [](auto number, const auto& each) { return number < each.second; });
  if (gap == gaps.end() || sequence < gap->first) {
    ++faults_->duplicated;
    return arrival::duplicate;
  }
  --faults_->missing;
  ++faults_->reordered;
  const auto [first, end] = *gap;
  if (first + 1 == end) {
    gaps.erase(gap);
  } else if (sequence == first) {
    gap->first = sequence + 1;
  } else if (sequence + 1 == end) {
    gap->second = sequence;
  } else {
    gap->second = sequence;
    gaps.insert(gap + 1, {sequence + 1, end});
  }
  return arrival::late;
}

std::uint64_t sequence_checker::lost(std::uint64_t sent) const noexcept {
  const auto tail = sent > next_ ? sent - next_ : 0;
  return tail + (faults_ ? faults_->missing : 0);
}

arrival group_checker::take(std::uint64_t sequence) {
  const auto word = sequence / 64;
  if (word < first_word_) {
    if (missed_ == 0) {
      ++duplicated_;
      return arrival::duplicate;
    }
    --missed_;
    ++received_;
    return arrival::late;
  }
  if (word >= first_word_ + words_) slide(word);
  const auto bit = std::uint64_t{1} << (sequence % 64);
  auto& place = seen_[word % words_];
  if ((place & bit) != 0) {
    ++duplicated_;
    return arrival::duplicate;
  }
  place |= bit;
  ++received_;
  return arrival::fresh;
}

void group_checker::slide(std::uint64_t word) {
  const auto first = word - words_ + 1;
  const auto leaving = std::min(first - first_word_, words_);
  for (std::uint64_t each = 0; each < leaving; ++each) {
    auto& place = seen_[(first_word_ + each) % words_];
    missed_ += 64 - static_cast<std::uint64_t>(std::popcount(place));
    place = 0;
  }
  missed_ += 64 * (first - first_word_ - leaving);
  first_word_ = first;
}

}  // namespace troupe::bench
