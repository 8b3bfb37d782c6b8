// Files of compiled kernels, as jpegcompile/gpu/cubin_file.py writes them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "cuda/elf.h"
#include "cuda/programs.h"

namespace jpegcompile::cuda {

// A constant of a compiled kernel: a number (booleans are 0 and 1), a word, or a program.
using Constant = std::variant<int64_t, std::string, std::vector<Step>>;
using Constants = std::map<std::string, Constant, std::less<>>;

// How many rows and channels a program makes, and how many numbers a step sums over; 0 where a kernel
// is not compiled for it.
struct Tiling {
  int64_t rows = 0, channels = 0, depth = 0;
};

struct Parameter {
  std::string name;
  std::string type;  // as Triton writes it: *fp32, i32
  ParameterPlace place;

  bool is_pointer() const { return type.front() == '*'; }
};

// A compiled kernel.
struct Cubin {
  int64_t arch = 0;
  std::string kernel;  // such as conv.triton:conv_pixels
  Constants constants;
  Tiling tiling;
  std::string entry;
  int64_t warps = 0;
  int64_t shared_bytes = 0;
  std::vector<Parameter> parameters;  // two more pointers follow, which may be null
  std::unordered_map<std::string_view, size_t> ordinals;
  std::span<const std::byte> code;
  std::string hash;

  // "conv.triton:conv_pixels for sm_90"
  std::string title() const;
};

// What a launch needs of a compiled kernel.
struct Wanted {
  std::string kernel;
  // May hold more constants than the kernel has. Tilings (BM, BN, BK) are not asked for.
  Constants constants;
  // Types of parameters, where they may differ.
  std::vector<std::pair<std::string, std::string>> types;

  // "conv.triton:conv_pixels with RESIDUAL=1 ..."
  std::string text() const;
};

class CubinFile {
 public:
  // Throws KernelError, in one line, if the file cannot be read or is damaged. The code of cubins is
  // looked into by `check` alone.
  explicit CubinFile(const std::string& path);
  // Of a file in memory.
  CubinFile(const std::string& path, std::vector<std::byte> content);
  CubinFile(const CubinFile&) = delete;
  CubinFile& operator=(const CubinFile&) = delete;

  const std::string& path() const { return path_; }
  std::span<const Cubin> cubins() const { return cubins_; }
  // Compares hashes and parameters of the cubins of an architecture with their code, and keeps where
  // parameters stand. Throws KernelError.
  void check(int64_t arch);
  // All that do what is wanted, in every tiling.
  std::vector<const Cubin*> find(int64_t arch, const Wanted& wanted) const;

 private:
  void read();

  std::string path_;
  std::vector<std::byte> content_;
  std::vector<Cubin> cubins_;
};

// Several files, of which an earlier one goes before a later one.
class CubinFiles {
 public:
  // Throws KernelError as CubinFile does.
  explicit CubinFiles(const std::vector<std::string>& paths);

  // All paths, for messages.
  const std::string& path() const { return path_; }
  std::set<int64_t> archs() const;
  // Whether any cubin of any file is such.
  bool any(const std::function<bool(const Cubin&)>& is_such) const;
  // As CubinFile::check, of every file.
  void check(int64_t arch);
  // Those of the first file that has any.
  std::vector<const Cubin*> find(int64_t arch, const Wanted& wanted) const;

 private:
  std::string path_;
  std::vector<std::unique_ptr<CubinFile>> files_;
};

}  // namespace jpegcompile::cuda
