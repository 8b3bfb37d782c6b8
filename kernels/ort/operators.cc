#include "ort/operators.h"

#include <iterator>

namespace jpegcompile {

std::vector<Operator> operators() {
  std::vector<Operator> all;
  for (auto make : {
           arithmetic_operators,
           average_pool_operators,
           batch_normalization_operators,
           cast_operators,
           clip_operators,
           conv_operators,
           conv_transpose_operators,
#ifndef JPEGCOMPILE_KERNELS_ONLY
           decode_operators,
#endif
           global_average_pool_operators,
           global_max_pool_operators,
           group_normalization_operators,
           ingest_conv_operators,
           ingest_operators,
           max_pool_operators,
           pointwise_operators,
           prelu_operators,
           product_operators,
           rearrange_operators,
           reduce_channels_operators,
           reduce_operators,
           relu_operators,
           resample_operators,
           truncate_operators,
       }) {
    std::vector<Operator> made = make();
    all.insert(all.end(), std::make_move_iterator(made.begin()),
               std::make_move_iterator(made.end()));
  }
  return all;
}

}  // namespace jpegcompile
