#include "tiles/number_text.h"

#include <limits>

#include "check.h"

namespace jpegcompile {
namespace {

// Of a process that writes a comma where a number has its point.
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
  for (const char* text : {"", " 1", "1 ", "1,5", "1.x", "x", "--1", "1e999"}) {
    require(!decimal<double>(text).has_value(), text);
  }
  for (const auto& [text, value] :
       {std::pair{"0x1.8000000000000p+1", 3.0}, {"-0x1.999999999999ap-4", -0.1}, {"0x0.0p+0", 0.0},
        {"0x1.fffffffffffffp+1023", std::numeric_limits<double>::max()},
        {"0x0.0000000000001p-1022", std::numeric_limits<double>::denorm_min()}}) {
    require(hexadecimal(text) == value, text);
  }
  for (const char* text : {"", "1.5", "0x1p+1", "0x1.8", "0x.p+", "0x1.8p", "0x1.8p+1x", "0x1.gp+1",
                           "inf", "0xp.1", "0x1.00000000000000000p+0"}) {
    require(!hexadecimal(text).has_value(), text);
  }
}

}  // namespace

void check_number_text() {
  check_texts();
  const std::locale before = std::locale::global(std::locale(std::locale::classic(), new Comma));
  check_texts();
  std::locale::global(before);
}

}  // namespace jpegcompile
