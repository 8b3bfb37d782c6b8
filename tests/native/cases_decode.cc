// From files to coefficients and tables. tests/fuzz checks the reader itself; here its results are
// the expected outputs of the operators.
#include <algorithm>

#include "corpus_files.h"

namespace jpegcompile {
namespace {

using stand_in::ElementType;

struct File {
  const char* name;
  // "" for grayscale files, and if only the luma of a color file is decoded
  const char* subsampling;
};

constexpr File kFiles[] = {{"420-16x16", "4:2:0"},  {"progressive-422-9x17", "4:2:2"},
                           {"444-9x17", "4:4:4"},   {"restarts", "4:2:0"},
                           {"gray-9x17", ""},       {"progressive-gray", ""},
                           {"420-9x17", ""},        {"gray-16x16", ""}};

void add_refusals(Case& made) {
  const auto cut = [](Case& wrong) {
    const Value whole = wrong.inputs[0];
    wrong.inputs[0] = Value(ElementType::kUint8, {whole.shape[0] * 3 / 4});
    std::copy_n(whole.as<uint8_t>(), wrong.inputs[0].elements, wrong.inputs[0].as<uint8_t>());
  };
  const auto zeros = [](Case& wrong) {
    std::fill_n(wrong.inputs[0].as<uint8_t>(), wrong.inputs[0].elements, uint8_t{0});
  };
  made.refusals = {
      {"; give the bytes of one file, [bytes]",
       [](Case& wrong) { wrong.inputs[0] = Value(ElementType::kUint8, {2, 3}); }},
      {"", cut},
      {"; give the bytes of a whole JPEG file", zeros},
      {"", [](Case& wrong) { wrong.inputs[0] = Value(ElementType::kUint8, {0}); }},
      {" but the model takes ", [](Case& wrong) { wrong.attributes["height"] = int64_t{40}; }},
      {"width is 0",
       [](Case& wrong) { wrong.attributes["width"] = int64_t{0}; }}};
}

Case decode_case(const std::string& op, const File& file) {
  const bool has_chroma = op == "JpegDecode";
  Case made{op, {}, {bytes_of_file(file.name)}, {}, {}};
  const Image image = image_in(made.inputs[0]);
  made.attributes = {{"height", static_cast<int64_t>(image.height)},
                     {"width", static_cast<int64_t>(image.width)}};
  if (has_chroma) made.attributes["subsampling"] = std::string(file.subsampling);
  if (!has_chroma) made.attributes["takes_color"] = int64_t{image.components.size() > 1};
  made.exact.push_back(plane_of(image, 0, 1));
  if (has_chroma) made.exact.push_back(plane_of(image, 1, 3));
  made.exact.push_back(tables_of(image, has_chroma ? 3 : 1));
  made.may_allocate = true;  // the decoder's state, which is new for each file
  add_refusals(made);
  return made;
}

}  // namespace

std::vector<Case> decode_cases(Selection& selection) {
  std::vector<Case> cases;
  for (const File& file : kFiles) {
    const std::string op = *file.subsampling == '\0' ? "JpegDecodeGray" : "JpegDecode";
    if (selection.takes(op)) cases.push_back(decode_case(op, file));
  }
  return cases;
}

}  // namespace jpegcompile
