#include "cuda/cubins.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <ios>

#include "cuda/sha256.h"
#include "tiles/number_text.h"
#include "tiles/tensor.h"

namespace jpegcompile::cuda {
namespace {

constexpr std::string_view kMagic = "jpegcompile cubins 1 ";
// A longer first line means another kind of file.
constexpr size_t kMaxHeader = 64;
constexpr int64_t kAlignment = 16;
// After the parameters that the file lists: scratch memory of Triton.
constexpr size_t kScratchPointers = 2;

// Reports damage; `guarded` adds the name of the file.
[[noreturn]] void fail(const std::string& cause) { throw KernelError(cause); }

std::string quoted(std::string_view text) {
  std::string made = "'";
  made += text;
  made += "'";
  return made;
}

std::vector<std::string_view> split(std::string_view text, char by) {
  std::vector<std::string_view> parts;
  for (size_t at = 0;;) {
    const size_t end = text.find(by, at);
    parts.push_back(text.substr(at, end - at));
    if (end == std::string_view::npos) return parts;
    at = end + 1;
  }
}

int64_t integer(std::string_view text, const char* what, int64_t least = 0) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty() || value < least) {
    fail(std::string(what) + " is " + quoted(text));
  }
  return value;
}

// Such as 0x1.8000000000000p+1.
double real(std::string_view text) {
  const std::optional<double> value = hexadecimal(text);
  if (!value.has_value()) fail("a number of a program is " + quoted(text));
  return *value;
}

std::vector<Step> program(std::string_view text) {
  std::vector<Step> steps;
  if (text.empty()) return steps;
  for (const std::string_view one : split(text, ';')) {
    const auto fields = split(one, ',');
    if (fields.size() != 6 || fields[0].empty()) fail("a step of a program is " + quoted(one));
    const auto place = [&](size_t i) {
      return static_cast<int>(integer(fields[i], "an operand of a program"));
    };
    steps.push_back({std::string(fields[0]), place(1), place(2), place(3), real(fields[4]),
                     real(fields[5])});
  }
  return steps;
}

Constant constant(std::string_view name, std::string_view value) {
  if (name == "PROGRAM") return program(value);
  const bool is_number = !value.empty() && (value[0] == '-' ||
                                            (value[0] >= '0' && value[0] <= '9'));
  if (is_number) return integer(value, "a constant", INT64_MIN);
  if (value.empty()) fail("the constant " + quoted(name) + " has no value");
  return std::string(value);
}

Constants constants(std::string_view text) {
  Constants found;
  if (text.empty()) return found;
  for (const std::string_view one : split(text, ' ')) {
    const size_t equals = one.find('=');
    if (equals == 0 || equals == std::string_view::npos) fail("a constant is " + quoted(one));
    const std::string_view name = one.substr(0, equals);
    if (!found.emplace(name, constant(name, one.substr(equals + 1))).second) {
      fail("the constant " + quoted(name) + " is duplicated");
    }
  }
  return found;
}

// Size of a parameter in bytes; 0 for an unknown type.
size_t size_of(std::string_view type) {
  if (type.starts_with('*')) return 8;
  for (const auto& [name, size] : {std::pair{"i8", 1}, {"u8", 1}, {"i16", 2}, {"u16", 2},
                                   {"i32", 4}, {"u32", 4}, {"fp32", 4}, {"i64", 8}, {"u64", 8}}) {
    if (type == name) return static_cast<size_t>(size);
  }
  return 0;
}

std::vector<Parameter> parameters(std::string_view text) {
  std::vector<Parameter> found;
  if (text.empty()) return found;
  for (const std::string_view one : split(text, ' ')) {
    const size_t colon = one.find(':');
    if (colon == 0 || colon == std::string_view::npos || size_of(one.substr(colon + 1)) == 0) {
      fail("a parameter is " + quoted(one));
    }
    found.push_back({std::string(one.substr(0, colon)), std::string(one.substr(colon + 1)), {}});
  }
  return found;
}

int64_t number_of(const Constants& constants, const char* name) {
  const auto found = constants.find(name);
  if (found == constants.end()) return 0;
  const auto* value = std::get_if<int64_t>(&found->second);
  if (value == nullptr || *value < 1) {
    fail("the constant " + quoted(name) + " is not a positive number");
  }
  return *value;
}

bool is_tiling(std::string_view name) { return name == "BM" || name == "BN" || name == "BK"; }

Cubin cubin(std::string_view line, std::span<const std::byte> code) {
  const auto fields = split(line, '\t');
  if (fields.size() != 10) {
    fail("a line of the index has " + std::to_string(fields.size()) + " fields, not 10");
  }
  Cubin made;
  made.arch = integer(fields[0], "an architecture", 1);
  made.kernel = fields[1];
  made.constants = constants(fields[2]);
  made.tiling = {number_of(made.constants, "BM"), number_of(made.constants, "BN"),
                 number_of(made.constants, "BK")};
  made.entry = fields[3];
  made.warps = integer(fields[4], "a number of warps", 1);
  made.shared_bytes = integer(fields[5], "a size of shared memory");
  made.parameters = parameters(fields[6]);
  if (made.kernel.empty() || made.entry.empty()) fail("a kernel has no name");
  if (made.warps > 32) fail("a number of warps is " + quoted(fields[4]));
  const int64_t offset = integer(fields[7], "an offset"), size = integer(fields[8], "a size", 1);
  const auto held = static_cast<int64_t>(code.size());
  if (offset % kAlignment != 0) fail("an offset is " + quoted(fields[7]));
  if (offset > held || size > held - offset) {
    fail("it ends within the code of " + made.title());
  }
  made.code = code.subspan(static_cast<size_t>(offset), static_cast<size_t>(size));
  made.hash = fields[9];
  const bool is_hash = made.hash.size() == 64 &&
                       made.hash.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (!is_hash) fail("a hash is " + quoted(made.hash));
  return made;
}

// The keys point into the parameters, which must not move afterwards.
void index_names(Cubin& cubin) {
  for (size_t ordinal = 0; ordinal < cubin.parameters.size(); ++ordinal) {
    const std::string& name = cubin.parameters[ordinal].name;
    if (!cubin.ordinals.emplace(name, ordinal).second) {
      fail("the parameter " + quoted(name) + " of " + cubin.title() + " is duplicated");
    }
  }
}

void check_code(Cubin& cubin) {
  if (sha256(cubin.code) != cubin.hash) {
    fail("the code of " + cubin.title() + " does not match its hash");
  }
  const auto places = parameter_places(cubin.code, cubin.entry);
  if (places.size() != cubin.parameters.size() + kScratchPointers) {
    fail(cubin.title() + " has " + std::to_string(places.size()) + " parameters, not " +
         std::to_string(cubin.parameters.size() + kScratchPointers));
  }
  for (size_t ordinal = 0; ordinal < places.size(); ++ordinal) {
    const bool is_listed = ordinal < cubin.parameters.size();
    const std::string type = is_listed ? cubin.parameters[ordinal].type : "*i8";
    if (places[ordinal].size != size_of(type)) {
      fail("parameter " + std::to_string(ordinal) + " of " + cubin.title() + " has " +
           std::to_string(places[ordinal].size) + " bytes, but its type is " + type);
    }
    if (is_listed) cubin.parameters[ordinal].place = places[ordinal];
  }
}

std::vector<std::byte> content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  const std::streamoff size = file ? static_cast<std::streamoff>(file.tellg()) : -1;
  std::vector<std::byte> content(static_cast<size_t>(std::max<std::streamoff>(size, 0)));
  file.seekg(0);
  if (size < 0 || !file.read(reinterpret_cast<char*>(content.data()), size)) {
    throw KernelError(path + ": cannot read compiled kernels; check the path");
  }
  return content;
}

template <typename Action>
void telling(const std::string& path, const Action& action) {
  try {
    action();
  } catch (const KernelError& error) {
    throw KernelError(path + ": " + error.what() + "; compile the kernels again");
  }
}

std::string text_of(const Constant& value) {
  if (const auto* number = std::get_if<int64_t>(&value)) return std::to_string(*number);
  if (const auto* word = std::get_if<std::string>(&value)) return *word;
  std::string text;
  for (const Step& step : std::get<std::vector<Step>>(value)) {
    text += (text.empty() ? "" : ";") + step.name;
  }
  return text;
}

bool fits(const Cubin& cubin, const Wanted& wanted) {
  for (const auto& [name, value] : cubin.constants) {
    if (is_tiling(name)) continue;
    const auto asked = wanted.constants.find(name);
    if (asked == wanted.constants.end() || !(asked->second == value)) return false;
  }
  return std::ranges::all_of(wanted.types, [&](const auto& asked) {
    const auto found = cubin.ordinals.find(asked.first);
    return found != cubin.ordinals.end() && cubin.parameters[found->second].type == asked.second;
  });
}

}  // namespace

std::string Cubin::title() const { return kernel + " for sm_" + std::to_string(arch); }

std::string Wanted::text() const {
  std::string text = kernel + " with";
  for (const auto& [name, value] : constants) text += " " + name + "=" + text_of(value);
  for (const auto& [name, type] : types) text += " " + name + ":" + type;
  return text;
}

CubinFile::CubinFile(const std::string& path) : CubinFile(path, content_of(path)) {}

CubinFile::CubinFile(const std::string& path, std::vector<std::byte> content)
    : path_(path), content_(std::move(content)) {
  telling(path_, [&] { read(); });
}

void CubinFile::read() {
  const std::string_view text(reinterpret_cast<const char*>(content_.data()), content_.size());
  const size_t line = text.substr(0, kMaxHeader).find('\n');
  if (!text.starts_with(kMagic) || line == std::string_view::npos) {
    fail("it is not a file of compiled kernels");
  }
  const int64_t size = integer(text.substr(kMagic.size(), line - kMagic.size()),
                               "its index's size");
  const size_t begin = line + 1;
  if (size > static_cast<int64_t>(text.size() - begin)) fail("it ends within its index");
  std::string_view index = text.substr(begin, static_cast<size_t>(size));
  const std::span code = std::span<const std::byte>(content_).subspan(begin + index.size());
  if (!index.empty() && !index.ends_with('\n')) fail("its index does not end with a newline");
  while (!index.empty()) {
    const size_t end = index.find('\n');
    cubins_.push_back(cubin(index.substr(0, end), code));
    index.remove_prefix(end + 1);
  }
  for (Cubin& one : cubins_) index_names(one);
}

void CubinFile::check(int64_t arch) {
  telling(path_, [&] {
    for (Cubin& one : cubins_) {
      if (one.arch == arch) check_code(one);
    }
  });
}

std::vector<const Cubin*> CubinFile::find(int64_t arch, const Wanted& wanted) const {
  std::vector<const Cubin*> found;
  for (const Cubin& one : cubins_) {
    if (one.arch == arch && one.kernel == wanted.kernel && fits(one, wanted)) found.push_back(&one);
  }
  return found;
}

CubinFiles::CubinFiles(const std::vector<std::string>& paths) {
  for (const std::string& path : paths) {
    files_.push_back(std::make_unique<CubinFile>(path));
    path_ += (path_.empty() ? "" : ", ") + path;
  }
}

std::set<int64_t> CubinFiles::archs() const {
  std::set<int64_t> found;
  for (const auto& file : files_) {
    for (const Cubin& one : file->cubins()) found.insert(one.arch);
  }
  return found;
}

bool CubinFiles::any(const std::function<bool(const Cubin&)>& is_such) const {
  return std::ranges::any_of(files_, [&](const auto& file) {
    return std::ranges::any_of(file->cubins(), is_such);
  });
}

void CubinFiles::check(int64_t arch) {
  for (const auto& file : files_) file->check(arch);
}

std::vector<const Cubin*> CubinFiles::find(int64_t arch, const Wanted& wanted) const {
  for (const auto& file : files_) {
    auto found = file->find(arch, wanted);
    if (!found.empty()) return found;
  }
  return {};
}

}  // namespace jpegcompile::cuda
