#include "cuda/choice.h"

#include <algorithm>
#include <utility>

namespace jpegcompile::cuda {
namespace {

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

// A kernel that is not compiled for a number of rows computes one.
int64_t rows_of(const Tiling& tiling) { return std::max<int64_t>(tiling.rows, 1); }

// Number of multiplications that take as long as loading one number; a guess until GPUs are
// measured.
constexpr int64_t kLoad = 32;

// The work of the busiest multiprocessor for each term of a sum. Of equal tilings the one with
// fewer steps is preferred.
std::pair<int64_t, int64_t> price(const Tiling& tiling, const Chip& chip, int64_t rows,
                                  int64_t channels) {
  const Grid grid = grid_of(tiling, rows, channels);
  const int64_t made = rows_of(tiling);
  const int64_t program = made * tiling.channels + kLoad * (made + tiling.channels);
  return {ceil_div(grid.x * grid.y, chip.multiprocessors) * program, -tiling.depth};
}

}  // namespace

Grid grid_of(const Tiling& tiling, int64_t rows, int64_t channels) {
  return {ceil_div(rows, rows_of(tiling)), ceil_div(channels, tiling.channels), 1};
}

const Cubin& Variants::fastest(const Runtime& runtime, const Chip& chip, int64_t rows,
                               int64_t channels, const Accepts& accepts) const {
  const Cubin* best = nullptr;
  for (const Cubin* one : on(runtime, chip)) {
    if (accepts && !accepts(one->tiling)) continue;
    const bool is_better = best == nullptr || price(one->tiling, chip, rows, channels) <
                                                  price(best->tiling, chip, rows, channels);
    if (is_better) best = one;
  }
  if (best != nullptr) return *best;
  throw KernelError(runtime.cubins().path() + ": no tiling fits " +
                    wanted_.text() + " for sm_" + std::to_string(chip.arch) +
                    "; compile the kernels again");
}

const std::vector<const Cubin*>& Variants::on(const Runtime& runtime, const Chip& chip) const {
  const std::scoped_lock lock(mutex_);
  auto& known = by_arch_[chip.arch];
  if (known.empty()) known = found(runtime, chip);
  return known;
}

std::vector<const Cubin*> Variants::found(const Runtime& runtime, const Chip& chip) const {
  for (const char* product : {"tf32x3", "ieee"}) {
    Wanted wanted = wanted_;
    wanted.constants["PRECISION"] = std::string(product);
    auto all = runtime.cubins().find(chip.arch, wanted);
    std::erase_if(all, [&](const Cubin* one) {
      return one->tiling.channels == 0 || one->shared_bytes > chip.shared_bytes;
    });
    if (!all.empty()) return all;
  }
  throw KernelError(runtime.cubins().path() + ": does not contain " + wanted_.text() + " for sm_" +
                    std::to_string(chip.arch) + "; compile the kernels again");
}

const Variants& VariantsByForm::of(const Wanted& wanted) const {
  const std::scoped_lock lock(mutex_);
  for (const Known& known : all_) {
    if (known.kernel == wanted.kernel && known.constants == wanted.constants) {
      return *known.variants;
    }
  }
  all_.push_back({wanted.kernel, wanted.constants, std::make_unique<Variants>(wanted)});
  return *all_.back().variants;
}

}  // namespace jpegcompile::cuda
