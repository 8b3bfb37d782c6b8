// Numbers in texts, read alike in every locale. The C++ library of Clang reads no floating point by
// std::from_chars before version 20, and strtod follows the locale of the process.
#pragma once

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <ios>
#include <locale>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>

namespace jpegcompile {

// A decimal number such as -1.5e-3; nothing if the text is anything else, or beyond the type.
template <typename Real>
std::optional<Real> decimal(std::string_view text) {
  std::istringstream stream{std::string(text)};
  stream.imbue(std::locale::classic());
  Real value = 0;
  if (!(stream >> std::noskipws >> value)) return std::nullopt;
  if (stream.peek() != std::istringstream::traits_type::eof()) return std::nullopt;
  return value;
}

// A number of Python's float.hex such as -0x1.8000000000000p+1; nothing if the text is anything else.
inline std::optional<double> hexadecimal(std::string_view text) {
  const bool is_negative = text.starts_with('-');
  if (is_negative) text.remove_prefix(1);
  const size_t point = text.find('.'), power = text.find("p");
  if (!text.starts_with("0x") || point == std::string_view::npos || power == std::string_view::npos ||
      point > power) {
    return std::nullopt;
  }
  const std::string_view fraction = text.substr(point + 1, power - point - 1);
  std::string_view exponent_text = text.substr(power + 1);
  if (exponent_text.starts_with('+')) exponent_text.remove_prefix(1);
  const std::string digits = std::string(text.substr(2, point - 2)) + std::string(fraction);
  uint64_t digits_value = 0;
  int64_t exponent = 0;
  const auto is_read = [](std::string_view part, auto& value, int base) {
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value, base);
    return error == std::errc() && end == part.data() + part.size();
  };
  if (!is_read(digits, digits_value, 16) || !is_read(exponent_text, exponent, 10)) {
    return std::nullopt;
  }
  // Python writes 53 bits, so nothing is rounded. Beyond these exponents all are zero or infinite.
  exponent = std::clamp<int64_t>(exponent, -4000, 4000) - 4 * static_cast<int>(fraction.size());
  const double value = std::ldexp(static_cast<double>(digits_value), static_cast<int>(exponent));
  return is_negative ? -value : value;
}

}  // namespace jpegcompile
