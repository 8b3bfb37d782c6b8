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

// Number of rows and channels that one program computes, and number of terms that one step sums. A
// field is 0 if the kernel is not compiled for it.
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
  std::vector<Parameter> parameters;  // without two trailing pointers, which may be null
  std::unordered_map<std::string_view, size_t> ordinals;
  std::span<const std::byte> code;
  std::string hash;

  // "conv.triton:conv_pixels for sm_90"
  std::string title() const;
};

// What a launch requires of a compiled kernel.
struct Wanted {
  std::string kernel;
  // May contain more constants than the kernel has. Must not contain tilings (BM, BN, BK).
  Constants constants;
  // Types of the parameters whose type may vary.
  std::vector<std::pair<std::string, std::string>> types;

  // "conv.triton:conv_pixels with RESIDUAL=1 ..."
  std::string text() const;
};

class CubinFile {
 public:
  // Throws KernelError, in one line, if the file cannot be read or is damaged. The code of the
  // cubins is verified only by `check`.
  explicit CubinFile(const std::string& path);
  // Reads a file in memory.
  CubinFile(const std::string& path, std::vector<std::byte> content);
  CubinFile(const CubinFile&) = delete;
  CubinFile& operator=(const CubinFile&) = delete;

  const std::string& path() const { return path_; }
  std::span<const Cubin> cubins() const { return cubins_; }
  // Verifies hashes and parameters of all cubins of an architecture against their code, and stores
  // the offsets of their parameters. Throws KernelError.
  void check(int64_t arch);
  // Returns all kernels that match, in every tiling.
  std::vector<const Cubin*> find(int64_t arch, const Wanted& wanted) const;

 private:
  void read();

  std::string path_;
  std::vector<std::byte> content_;
  std::vector<Cubin> cubins_;
};

// Several files; an earlier file takes precedence over a later one.
class CubinFiles {
 public:
  // Throws KernelError as CubinFile does.
  explicit CubinFiles(const std::vector<std::string>& paths);

  // All paths, for messages.
  const std::string& path() const { return path_; }
  std::set<int64_t> archs() const;
  // Whether `is_such` is true for any cubin of any file.
  bool any(const std::function<bool(const Cubin&)>& is_such) const;
  // Checks every file as CubinFile::check does.
  void check(int64_t arch);
  // Returns the matching kernels of the first file that has any.
  std::vector<const Cubin*> find(int64_t arch, const Wanted& wanted) const;

 private:
  std::string path_;
  std::vector<std::unique_ptr<CubinFile>> files_;
};

}  // namespace jpegcompile::cuda
