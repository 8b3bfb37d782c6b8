// JpegGroupNormalization and SpatialGroupNormalization on CUDA, in three launches like launch.py.
#include <memory>
#include <vector>

#include "common/cuda_from_pixels.h"
#include "common/cuda_operand.h"
#include "generated/makers.h"
#include "group_normalization/groups.h"

namespace jpegcompile {
namespace {

using cuda::DevicePointer;

// How the pixels of an image are divided into parts, and the moments of each part.
struct Parts {
  int64_t count, size;
  DevicePointer moments;
};

// Operands in device memory.
struct Numbers {
  DevicePointer scale, shift, epsilon;
};

class GroupNormalizationOnCuda : public FromPixelsOnCuda {
 public:
  explicit GroupNormalizationOnCuda(const Node& node)
      : FromPixelsOnCuda(node, node.block("block"), node.block("block")),
        groups_(node.integer("groups")),
        scale_(node, In::kScale),
        shift_(node, In::kShift),
        epsilon_(node, In::kEpsilon),
        channel_moments_({"group_normalization.triton:channel_moments", {}, {{"x", "*fp32"}}}),
        group_moments_({"group_normalization.triton:group_moments", {}, {}}),
        normalize_(wanted("group_normalization.triton:normalize", {})) {}

 private:
  Map result(const CudaCall& call, const Map& x) const override {
    static_cast<void>(flat_operand(scale_.of(call), x, name_of(In::kScale)));
    static_cast<void>(flat_operand(shift_.of(call), x, name_of(In::kShift)));
    static_cast<void>(epsilon(call));
    check_groups(x, groups_);
    return x;
  }

  void launch(CudaCall& call, const Task& task) const override {
    const Numbers numbers = numbers_on(call, task.from);
    const Parts parts = measure(call, task);
    const DevicePointer moments = merge(call, task.from, parts, numbers);
    const int64_t rows = task.to.batch * task.to.plane();
    const int64_t channels = cuda::padded(task.to.channels);
    cuda::Arguments given = arguments(call, task);
    given.pointer("moments", moments);
    given.pointer("shift", numbers.shift);
    given.integer("true_channels", task.to.channels);
    const cuda::Cubin& cubin = normalize_.fastest(call.runtime(), call.chip(), rows, channels);
    call.launch(cubin, cuda::grid_of(cubin.tiling, rows, channels), given);
  }

  // Computes sums and squares of each channel over each part of an image.
  Parts measure(CudaCall& call, const Task& task) const {
    const Map& map = task.from;
    const int64_t pixels = map.plane(), channels = cuda::padded(map.channels);
    const cuda::Cubin& cubin =
        channel_moments_.fastest(call.runtime(), call.chip(), map.batch * pixels, channels);
    // A part belongs to one image.
    const int64_t count = cuda::grid_of(cubin.tiling, pixels, channels).x;
    const DevicePointer made = call.scratch(map.batch * count * 2 * channels);
    cuda::Arguments given;
    given.pointer("x", task.x.data);
    given.pointer("y", made);
    given.integer("channels", channels);
    given.integer("height", map.height);
    given.integer("width", map.width);
    given.integer("parts", count);
    cuda::put_raster(given, cuda::kXNames, task.x);
    const cuda::Grid grid = cuda::grid_of(cubin.tiling, pixels, channels);
    call.launch(cubin, {map.batch * count, grid.y, 1}, given);
    return {count, cubin.tiling.rows, made};
  }

  // Computes the mean and the factor of each channel of each image, by groups.
  DevicePointer merge(CudaCall& call, const Map& map, const Parts& parts,
                      const Numbers& numbers) const {
    const int64_t channels = cuda::padded(map.channels), programs = map.batch * groups_;
    const DevicePointer made = call.scratch(map.batch * 2 * channels);
    cuda::Arguments given;
    given.pointer("moments", parts.moments);
    given.pointer("scale", numbers.scale);
    given.pointer("epsilon", numbers.epsilon);
    given.pointer("y", made);
    given.integer("channels", channels);
    given.integer("groups", groups_);
    given.integer("group_size", map.channels / groups_);
    given.integer("pixels", map.plane());
    given.integer("parts", parts.count);
    given.integer("part_size", parts.size);
    const cuda::Cubin& cubin = group_moments_.fastest(call.runtime(), call.chip(), programs, 1);
    call.launch(cubin, {programs, 1, 1}, given);
    return made;
  }

  // The operands share one block of memory.
  Numbers numbers_on(CudaCall& call, const Map& x) const {
    const auto make = [&] { return packed(call, x); };
    const bool are_fixed = scale_.is_constant() && shift_.is_constant() && epsilon_.is_constant();
    const DevicePointer first =
        are_fixed ? numbers_.get(call, x.channels, make) : call.upload(make());
    const auto bytes = static_cast<DevicePointer>(cuda::padded(x.channels)) * sizeof(float);
    return {first, first + bytes, first + 2 * bytes};
  }

  std::vector<float> packed(const CudaCall& call, const Map& x) const {
    const auto stored = static_cast<size_t>(cuda::padded(x.channels));
    std::vector<float> values(2 * stored + 1);
    put_channels(scale_.of(call), x, In::kScale, values.data());
    put_channels(shift_.of(call), x, In::kShift, values.data() + stored);
    values.back() = epsilon(call);
    return values;
  }

  float epsilon(const CudaCall& call) const {
    return number(epsilon_.of(call), name_of(In::kEpsilon));
  }

  int64_t groups_;
  HostOperand scale_, shift_, epsilon_;
  cuda::Variants channel_moments_, group_moments_, normalize_;
  DeviceConstants numbers_;
};

}  // namespace

std::unique_ptr<CudaKernel> make_group_normalization_on_cuda(const Node& node) {
  return std::make_unique<GroupNormalizationOnCuda>(node);
}

}  // namespace jpegcompile
