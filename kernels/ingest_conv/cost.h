// The choice between the two ways to compute the first convolution of an image.
//
// The constants were fitted to kernels/ingest_conv/bench.py --fit; only their ratios matter.
#pragma once

#include <cstdint>

namespace jpegcompile {

// What an image asks of each way.
struct FirstWork {
  double response_vectors;  // of 16 products: coefficients that are not zero times their patches
  double patches;           // parts of rows that are taken to registers and back
  double dense_vectors;     // of 16 products: outputs times taps and channels
  double samples;           // of the image, all channels, that the ingest makes
};

// Nanoseconds, in this order, of one of these on one core with AVX-512.
inline constexpr double kResponseVector = 0.35;
inline constexpr double kPatch = 10;
inline constexpr double kDenseVector = 0.35;
inline constexpr double kSample = 3;

inline bool is_sparse_faster(const FirstWork& work) {
  return work.response_vectors * kResponseVector + work.patches * kPatch <
         work.dense_vectors * kDenseVector + work.samples * kSample;
}

}  // namespace jpegcompile
