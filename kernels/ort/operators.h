// Every operator of the library, by folder.
#pragma once

#include <vector>

#include "ort/kernel.h"

namespace jpegcompile {

// Opset of the domain, which the runtime asks for. It runs kernels for nodes of later ones, too: where
// the meaning of an attribute or the layout between two kernels changes, the domain needs another
// name, so that older libraries leave the nodes of newer files to their bodies.
inline constexpr int kContractVersion = 1;

std::vector<Operator> arithmetic_operators();
std::vector<Operator> average_pool_operators();
std::vector<Operator> batch_normalization_operators();
std::vector<Operator> cast_operators();
std::vector<Operator> clip_operators();
std::vector<Operator> conv_operators();
std::vector<Operator> conv_transpose_operators();
std::vector<Operator> decode_operators();
std::vector<Operator> global_average_pool_operators();
std::vector<Operator> global_max_pool_operators();
std::vector<Operator> group_normalization_operators();
std::vector<Operator> ingest_conv_operators();
std::vector<Operator> ingest_operators();
std::vector<Operator> max_pool_operators();
std::vector<Operator> pointwise_operators();
std::vector<Operator> prelu_operators();
std::vector<Operator> product_operators();
std::vector<Operator> rearrange_operators();
std::vector<Operator> reduce_channels_operators();
std::vector<Operator> reduce_operators();
std::vector<Operator> relu_operators();
std::vector<Operator> resample_operators();
std::vector<Operator> truncate_operators();

std::vector<Operator> operators();

}  // namespace jpegcompile
