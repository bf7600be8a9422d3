#include "actors/observe/log_text.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>

namespace troupe::observe {
namespace {

constexpr std::size_t value_limit = 512;  // bytes of one text value
constexpr std::size_t sentence_limit = 1024;

struct decoded {
  char32_t code = 0;
  std::size_t length = 0;  // 0: not UTF-8
};

/// The character that `text`, which is not empty, begins with.
decoded decode(std::string_view text) noexcept {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned first = at(0);
  if (first < 0x80) return {first, 1};
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length) return {};
  char32_t code = first & (0x7FU >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((at(i) & 0xC0U) != 0x80U) return {};
    code = (code << 6U) | (at(i) & 0x3FU);
  }
  constexpr std::array<char32_t, 5> smallest{0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
  if (code < smallest[length] || code > 0x10FFFF || surrogate) return {};
  return {code, length};
}

/// Characters that could forge a line, drive a terminal or turn the text around.
bool harmful(char32_t c) noexcept {
  return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0x200E || c == 0x200F ||
         (c >= 0x2028 && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069) || c == 0xFEFF;
}

void append_code(std::string& out, char32_t c) {
  constexpr std::string_view digits = "0123456789abcdef";
  out += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) out += digits[(c >> shift) & 0xFU];
}

template <class T>
void append_number(std::string& out, T value) {
  std::array<char, 32> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  out.append(buffer.data(), end.ptr);
}

void append_quoted(std::string& out, std::string_view text, std::size_t limit) {
  out += '"';
  append_escaped(out, text, limit);
  out += '"';
}

/// A value that is no text; the same in both formats.
void append_plain(std::string& out, const log_field& field) {
  switch (field.type()) {
    case log_field::kind::signed_number:
      append_number(out, field.as_signed());
      break;
    case log_field::kind::unsigned_number:
      append_number(out, field.as_unsigned());
      break;
    case log_field::kind::real:
      if (std::isfinite(field.as_real()))
        append_number(out, field.as_real());
      else
        out += "null";
      break;
    case log_field::kind::boolean:
      out += field.as_unsigned() != 0 ? "true" : "false";
      break;
    case log_field::kind::text:
      break;
  }
}

bool needs_quotes(std::string_view text) noexcept {
  if (text.empty()) return true;
  for (const char c : text) {
    if (c == ' ' || c == '"' || c == '=' || c == '\\' || c == '\'') return true;
  }
  return false;
}

}  // namespace

void append_escaped(std::string& out, std::string_view text, std::size_t limit) {
  std::size_t done = 0;
  while (done < text.size()) {
    const auto [code, length] = decode(text.substr(done));
    const std::size_t step = length == 0 ? 1 : length;
    if (done + step > limit) {
      out += "...";
      return;
    }
    if (length == 0) {
      out += "\xEF\xBF\xBD";
    } else if (code == '"' || code == '\\') {
      out += '\\';
      out += static_cast<char>(code);
    } else if (code == '\n') {
      out += "\\n";
    } else if (code == '\t') {
      out += "\\t";
    } else if (harmful(code)) {
      append_code(out, code);
    } else {
      out.append(text.substr(done, length));
    }
    done += step;
  }
}

std::string human_line(log_module who, std::string_view sentence, log_fields fields,
                       std::uint64_t left_out) {
  std::string out;
  out.reserve(64 + sentence.size() + fields.size() * 32);
  out.append(name(who)).append(": ");
  append_escaped(out, sentence, sentence_limit);
  for (const auto& field : fields) {
    out.append(" ").append(field.key()).append("=");
    if (field.type() != log_field::kind::text)
      append_plain(out, field);
    else if (needs_quotes(field.text()))
      append_quoted(out, field.text(), value_limit);
    else
      append_escaped(out, field.text(), value_limit);
  }
  if (left_out > 0) {
    out += " left_out=";
    append_number(out, left_out);
  }
  return out;
}

std::string json_members(log_module who, std::string_view sentence, log_fields fields,
                         std::uint64_t left_out) {
  std::string out;
  out.reserve(64 + sentence.size() + fields.size() * 40);
  out.append("\"module\":\"").append(name(who)).append("\",\"message\":");
  append_quoted(out, sentence, sentence_limit);
  for (const auto& field : fields) {
    out.append(",\"").append(field.key()).append("\":");
    if (field.type() == log_field::kind::text)
      append_quoted(out, field.text(), value_limit);
    else
      append_plain(out, field);
  }
  if (left_out > 0) {
    out += ",\"left_out\":";
    append_number(out, left_out);
  }
  return out;
}

}  // namespace troupe::observe
