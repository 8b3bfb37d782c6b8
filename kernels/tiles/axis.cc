#include "tiles/axis.h"

#include <algorithm>
#include <cmath>
#include <string>

namespace jpegcompile {
namespace {

// Products of transforms in float64 leave about 2^-52 in place of zeros.
constexpr float kNothing = 0x1p-40F;

void check_matrix(const Tensor& matrix, const char* name) {
  if (matrix.shape.rank() != 2) {
    throw KernelError(std::string(name) + " has shape " + matrix.shape.text() +
                      "; it must be a matrix");
  }
  // A matrix without elements could have a huge extent without any memory, and loops would run over
  // it.
  if (matrix.shape.elements() == 0) {
    throw KernelError(std::string(name) + " of shape " + matrix.shape.text() + " has no elements");
  }
}

AxisMatrix sparse(const float* values, int64_t outputs, int64_t inputs, int64_t output_step,
                  int64_t input_step) {
  AxisMatrix made{outputs, inputs, {0}, {}};
  for (int64_t output = 0; output < outputs; ++output) {
    const float* row = values + output * output_step;
    float largest = 0;
    for (int64_t input = 0; input < inputs; ++input) {
      largest = std::max(largest, std::abs(row[input * input_step]));
    }
    for (int64_t input = 0; input < inputs; ++input) {
      const float factor = row[input * input_step];
      // NaN is not below the threshold and is kept.
      if (factor == 0 || std::abs(factor) < kNothing * largest) continue;
      made.entries.push_back({input, factor});
    }
    made.starts.push_back(static_cast<int64_t>(made.entries.size()));
  }
  return made;
}

// Computes one output of kLines lines. The sums are independent, because each waits for its last
// product.
template <int kLines, typename V>
JPEGCOMPILE_INLINE void sum_lines(const AxisRuns& runs, int64_t output, int64_t line,
                                  int position) {
  V sums[kLines] = {};
  const float* first = runs.from + line * runs.from_line + position;
  const int64_t end = runs.matrix.starts[output + 1];
  for (int64_t index = runs.matrix.starts[output]; index < end; ++index) {
    const AxisMatrix::Entry& entry = runs.matrix.entries[index];
    const float* from = first + (entry.input - runs.first_input) * runs.from_step;
#pragma GCC unroll 8
    for (int i = 0; i < kLines; ++i) sums[i] += load<V>(from + i * runs.from_line) * entry.factor;
  }
  float* to = runs.to + (output - runs.first) * runs.to_step + line * runs.to_line + position;
#pragma GCC unroll 8
  for (int i = 0; i < kLines; ++i) store(to + i * runs.to_line, sums[i]);
}

// Computes all lines of an output, kLines at a time; the last lines overlap the ones before them.
template <int kLines, typename V>
JPEGCOMPILE_INLINE void sum_all_lines(const AxisRuns& runs, int64_t output, int position) {
  for (int64_t line = 0; line < runs.lines; line += kLines) {
    const int64_t first = line + kLines > runs.lines ? runs.lines - kLines : line;
    sum_lines<kLines, V>(runs, output, first, position);
  }
}

template <typename V>
JPEGCOMPILE_INLINE void sum_outputs(const AxisRuns& runs) {
  for (int64_t output = runs.first; output < runs.last; ++output) {
    for (int position = 0; position < runs.run; position += kWidth<V>) {
      if (runs.lines >= 8) {
        sum_all_lines<8, V>(runs, output, position);
      } else if (runs.lines >= 4) {
        sum_all_lines<4, V>(runs, output, position);
      } else {
        sum_all_lines<1, V>(runs, output, position);
      }
    }
  }
}

template <typename Isa>
JPEGCOMPILE_INLINE void axis_body(const AxisRuns& runs) {
  if (kWidth<typename Isa::Vector> <= runs.run) {
    sum_outputs<typename Isa::Vector>(runs);
  } else {
    sum_outputs<Float8>(runs);
  }
}

}  // namespace

AxisMatrix AxisMatrix::of_left(const Tensor& matrix, const char* name) {
  check_matrix(matrix, name);
  return sparse(matrix.floats(), matrix.shape[0], matrix.shape[1], matrix.shape[1], 1);
}

AxisMatrix AxisMatrix::of_right(const Tensor& matrix, const char* name) {
  check_matrix(matrix, name);
  return sparse(matrix.floats(), matrix.shape[1], matrix.shape[0], 1, matrix.shape[1]);
}

AxisMatrix::Range AxisMatrix::range(int64_t first_output, int64_t last_output) const {
  Range range{inputs, 0};
  for (int64_t output = first_output; output < last_output; ++output) {
    if (starts[output] == starts[output + 1]) continue;
    range.first = std::min(range.first, entries[starts[output]].input);
    range.last = std::max(range.last, entries[starts[output + 1] - 1].input + 1);
  }
  return range.first < range.last ? range : Range{0, 0};
}

bool AxisMatrix::is_identity(int64_t first_output, int64_t last_output) const {
  for (int64_t output = first_output; output < last_output; ++output) {
    if (starts[output + 1] - starts[output] != 1) return false;
    const Entry& entry = entries[starts[output]];
    if (entry.input != output || entry.factor != 1) return false;
  }
  return true;
}

JPEGCOMPILE_MULTIVERSION(apply_axis, axis_body, AxisRuns)

}  // namespace jpegcompile
