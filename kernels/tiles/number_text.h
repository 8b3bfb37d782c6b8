// Numbers in text, parsed alike in every locale. libc++ supports std::from_chars for floating point
// only from version 20 on, and strtod depends on the locale of the process.
#pragma once

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <ios>
#include <locale>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>

namespace jpegcompile {

// Removes digits of a base of at most 16 from the front of a text. Returns their number.
inline size_t take_digits(std::string_view& text, int base = 10) {
  const auto known = std::string_view("0123456789abcdef").substr(0, static_cast<size_t>(base));
  const size_t count = std::min(text.find_first_not_of(known), text.size());
  text.remove_prefix(count);
  return count;
}

// Removes a prefix. Returns whether the text had it.
inline bool take_start(std::string_view& text, std::string_view start) {
  if (!text.starts_with(start)) return false;
  text.remove_prefix(start.size());
  return true;
}

// Whether a text is a decimal number as Python's repr writes it: -1, 1.5 or 1e-05.
inline bool is_decimal(std::string_view text) {
  take_start(text, "-");
  if (take_digits(text) == 0) return false;
  if (take_start(text, ".") && take_digits(text) == 0) return false;
  if (take_start(text, "e")) {
    if (!take_start(text, "-")) take_start(text, "+");
    if (take_digits(text) == 0) return false;
  }
  return text.empty();
}

// Parses a decimal number such as -1.5e-3. Returns nothing for any other text, and for numbers
// beyond the type's largest one. Numbers below the smallest one are rounded, possibly to zero.
template <typename Real>
std::optional<Real> decimal(std::string_view text) {
  if (!is_decimal(text)) return std::nullopt;
  std::istringstream stream{std::string(text)};
  stream.imbue(std::locale::classic());
  Real value = 0;
  // Some C++ libraries also report an error when a number was rounded to a subnormal one.
  const bool is_beyond = !(stream >> value) && std::abs(value) > 1;
  return is_beyond ? std::nullopt : std::optional(value);
}

// Parses a finite number of Python's float.hex such as -0x1.8000000000000p+1. Returns nothing for
// any other text.
inline std::optional<double> hexadecimal(std::string_view text) {
  const bool is_negative = take_start(text, "-");
  if (!take_start(text, "0x")) return std::nullopt;
  std::string_view rest = text;
  const size_t whole = take_digits(rest, 16);
  if (whole == 0 || !take_start(rest, ".")) return std::nullopt;
  const size_t fraction = take_digits(rest, 16);
  if (fraction == 0 || !take_start(rest, "p")) return std::nullopt;
  const bool is_small = take_start(rest, "-");
  if (!is_small && !take_start(rest, "+")) return std::nullopt;
  std::string digits(text.substr(0, whole));
  digits += text.substr(whole + 1, fraction);
  uint64_t digits_value = 0, power = 0;
  const auto is_read = [](std::string_view part, uint64_t& value, int base) {
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value, base);
    return error == std::errc() && end == part.data() + part.size();
  };
  if (!is_read(digits, digits_value, 16) || !is_read(rest, power, 10)) return std::nullopt;
  // Python writes 53 bits, so nothing is rounded. Beyond these exponents all numbers are zero or
  // infinite.
  const int exponent = static_cast<int>(std::min<uint64_t>(power, 4000));
  const int shift = (is_small ? -exponent : exponent) - 4 * static_cast<int>(fraction);
  const double value = std::ldexp(static_cast<double>(digits_value), shift);
  if (!std::isfinite(value)) return std::nullopt;
  return is_negative ? -value : value;
}

}  // namespace jpegcompile
