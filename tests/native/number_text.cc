#include "tiles/number_text.h"

#include <clocale>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <locale>
#include <stdexcept>
#include <string>
#include <utility>

#include "check.h"

namespace jpegcompile {
namespace {

// The locale of a process that writes a decimal comma.
struct Comma : std::numpunct<char> {
  char do_decimal_point() const override { return ','; }
};

void require(bool holds, const std::string& text) {
  if (!holds) throw std::runtime_error("the text of a number: '" + text + "' is read wrongly");
}

void check_texts() {
  for (const auto& [text, value] : {std::pair{"0.875", 0.875}, {"-1.5e-3", -1.5e-3}, {"7", 7.0}}) {
    require(decimal<double>(text) == value, text);
    require(decimal<float>(text) == static_cast<float>(value), text);
  }
  for (const char* text :
       {"", " 1", "1 ", "1,5", "1.x", "x", "--1", "+1", "-", "1.", ".5", "1e", "1e+", "1e+-1", "1E1",
        "0x10", "0x1p1", "1f", "inf", "-inf", "infinity", "nan", "1e999", "-1e999"}) {
    require(!decimal<double>(text).has_value(), text);
    require(!decimal<float>(text).has_value(), text);
  }
  // Beyond one type, and below the other type's normal numbers or all of its numbers.
  require(!decimal<float>("1e39").has_value() && decimal<double>("1e39") == 1e39, "1e39");
  require(decimal<float>("1e-40") == 1e-40F && decimal<double>("1e-40") == 1e-40, "1e-40");
  require(decimal<float>("1e-46") == 0.0F && decimal<double>("1e-46") == 1e-46, "1e-46");
  require(decimal<double>("5e-324") == std::numeric_limits<double>::denorm_min(), "5e-324");
  require(decimal<double>("-1e-400") == 0.0, "-1e-400");
  for (const auto& [text, value] :
       {std::pair{"0x1.8000000000000p+1", 3.0}, {"-0x1.999999999999ap-4", -0.1}, {"0x0.0p+0", 0.0},
        {"0x1.fffffffffffffp+1023", std::numeric_limits<double>::max()},
        {"0x0.0000000000001p-1022", std::numeric_limits<double>::denorm_min()}}) {
    require(hexadecimal(text) == value, text);
  }
  for (const char* text : {"", "1.5", "0x1p+1", "0x1.8", "0x.p+", "0x1.8p", "0x1.8p+1x", "0x1.gp+1",
                           "inf", "nan", "-inf", "0xp.1", "0x1.00000000000000000p+0", "0x.8p+1", "0x1.p+1",
                           "0x1.8p+-3", "0x1.8p--3", "0x1.8p3", "0x1.8p+", "--0x1.8p+1", "+0x1.8p+1",
                           "0x-1.8p+1", "0x1.0000000000000p+1024", "-0x1.8p+9999",
                           "0x1.8p+99999999999999999999", "0X1.8P+1"}) {
    require(!hexadecimal(text).has_value(), text);
  }
}

// Makes C functions such as strtod read and write a comma, if the machine has such a locale.
bool use_comma_in_c() {
  for (const char* name : {"de_DE.UTF-8", "de_DE.utf8", "de_DE", "fr_FR.UTF-8", "fr_FR.utf8", "fr_FR",
                           "ru_RU.UTF-8", "pt_BR.UTF-8", "German_Germany.1252"}) {
    if (std::setlocale(LC_NUMERIC, name) == nullptr) continue;
    if (std::string(std::localeconv()->decimal_point) == ",") return true;
  }
  std::setlocale(LC_NUMERIC, "C");
  return false;
}

}  // namespace

void check_number_text() {
  check_texts();
  const std::locale before = std::locale::global(std::locale(std::locale::classic(), new Comma));
  check_texts();
  // Such a C++ locale has no name, and does not change the C locale.
  const std::string c_before = std::setlocale(LC_NUMERIC, nullptr);
  if (use_comma_in_c()) {
    if (std::strtod("1,5", nullptr) != 1.5) throw std::runtime_error("strtod reads no comma");
    check_texts();
  } else {
    std::puts("number_text: no locale of this machine has a decimal comma; texts are not read in one of C");
  }
  std::setlocale(LC_NUMERIC, c_before.c_str());
  std::locale::global(before);
}

}  // namespace jpegcompile
