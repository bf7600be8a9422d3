#include "protocol/auth/acl_file.hpp"

#include "protocol/auth/acl_pattern.hpp"
#include "protocol/topics/names.hpp"

#include <utility>

namespace troupe::auth {

namespace {

std::string_view trimmed(std::string_view text) noexcept {
  constexpr std::string_view space = " \t\r\v\f";
  const auto first = text.find_first_not_of(space);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(space) - first + 1);
}

/// Cuts the first word off; the rest is trimmed.
std::string_view next_word(std::string_view& rest) noexcept {
  const auto end = rest.find_first_of(" \t");
  const std::string_view word = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view{} : trimmed(rest.substr(end));
  return word;
}

}  // namespace

struct acl_file::parse_state {
  acl_file& out;
  rule_set* current;  // of the user whose section this is
};

void acl_file::rule_set::add(rule fresh) {
  (fresh.right == access::deny ? denials : grants).push_back(std::move(fresh));
}

loaded<acl_file> acl_file::load(const std::string& path) {
  const text_file file = read_text_file(path);
  if (!file.error.empty()) return {nullptr, file.error};
  return parse(file.text, path);
}

loaded<acl_file> acl_file::parse(std::string_view text, std::string_view name) {
  auto out = std::make_shared<acl_file>();
  parse_state state{*out, &out->anonymous_};
  std::size_t number = 0;
  while (!text.empty()) {
    const auto end = text.find('\n');
    const std::string_view line = trimmed(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
    ++number;
    if (line.empty() || line.front() == '#') continue;
    const std::string fault = parse_line(line, state);
    if (!fault.empty()) return {nullptr, at_line(name, number, fault)};
  }
  return {std::move(out), {}};
}

std::string acl_file::parse_line(std::string_view line, parse_state& state) {
  std::string_view rest = line;
  const std::string_view word = next_word(rest);
  if (word == "user") {
    if (rest.empty()) return "\"user\" needs a name";
    // Pointers to values of an unordered_map stay valid when it grows.
    state.current = &state.out.users_[std::string(rest)];
    return {};
  }
  if (word != "topic" && word != "pattern") {
    return "expected \"user\", \"topic\" or \"pattern\", found \"" + std::string(word) + '"';
  }
  rule fresh{access::readwrite, {}};
  if (std::string fault = parse_rule(rest, word == "pattern", fresh); !fault.empty()) return fault;
  (word == "pattern" ? state.out.patterns_ : *state.current).add(std::move(fresh));
  return {};
}

std::string acl_file::parse_rule(std::string_view rest, bool pattern, rule& out) {
  std::string_view filter = rest;
  const std::string_view word = next_word(filter);
  if (filter.empty()) {
    filter = word;  // no access word: the only word is the filter
  } else if (word == "read") {
    out.right = access::read;
  } else if (word == "write") {
    out.right = access::write;
  } else if (word == "deny") {
    out.right = access::deny;
  } else if (word != "readwrite") {
    return "expected \"read\", \"write\", \"readwrite\" or \"deny\" before a filter with spaces, "
           "found \"" +
           std::string(word) + '"';
  }
  const std::string_view what = pattern ? "pattern" : "topic";
  if (filter.empty()) return '"' + std::string(what) + "\" needs a topic filter";
  if (!topics::valid_filter(filter)) {
    return "\"" + std::string(filter) + "\" is not a valid topic filter";
  }
  out.filter = filter;
  return {};
}

bool acl_file::allows(const rule& from, access wanted) noexcept {
  return (static_cast<unsigned>(from.right) & static_cast<unsigned>(wanted)) != 0;
}

const acl_file::rule_set* acl_file::rules_of(const identity& who) const {
  if (who.username.empty()) return &anonymous_;
  const auto at = users_.find(who.username);
  return at == users_.end() ? nullptr : &at->second;
}

bool acl_file::may(const identity& who, std::string_view topic, access wanted) const {
  const rule_set* own = rules_of(who);
  if (own) {
    for (const rule& each : own->denials) {
      if (topics::matches(each.filter, topic)) return false;
    }
  }
  for (const rule& each : patterns_.denials) {
    if (pattern_matches(each.filter, who, topic, pattern_use::denial)) return false;
  }
  if (own) {
    for (const rule& each : own->grants) {
      if (allows(each, wanted) && topics::matches(each.filter, topic)) return true;
    }
  }
  for (const rule& each : patterns_.grants) {
    if (allows(each, wanted) && pattern_matches(each.filter, who, topic, pattern_use::grant)) {
      return true;
    }
  }
  return false;
}

bool acl_file::may_publish(const identity& who, std::string_view topic) const {
  return may(who, topic, access::write);
}

bool acl_file::may_receive(const identity& who, std::string_view topic) const {
  return may(who, topic, access::read);
}

bool acl_file::may_subscribe(const identity& who, std::string_view subscription) const {
  const auto shared = topics::parse_shared(subscription);
  const std::string_view filter = shared ? shared->filter : subscription;
  const rule_set* own = rules_of(who);
  if (own) {
    for (const rule& each : own->denials) {
      if (topics::covers(each.filter, filter)) return false;
    }
  }
  for (const rule& each : patterns_.denials) {
    const auto denied = expand_pattern(each.filter, who, pattern_use::denial);
    if (denied && topics::covers(*denied, filter)) return false;
  }
  if (own) {
    for (const rule& each : own->grants) {
      if (allows(each, access::read) && topics::overlaps(each.filter, filter)) return true;
    }
  }
  for (const rule& each : patterns_.grants) {
    if (!allows(each, access::read)) continue;
    const auto granted = expand_pattern(each.filter, who, pattern_use::grant);
    if (granted && topics::overlaps(*granted, filter)) return true;
  }
  return false;
}

}  // namespace troupe::auth
