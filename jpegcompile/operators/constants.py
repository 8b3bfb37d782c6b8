"""Numbers and names on which compiled files, passes and kernels agree."""

from __future__ import annotations

# Domain and opset of the operators, and the key of our record in the metadata of a model. A runtime
# runs kernels for nodes of later opsets, too: where the meaning of an attribute or the layout
# between two kernels changes, the domain needs another name, so that older libraries leave the
# nodes of newer files to their bodies.
DOMAIN = "jpegcompile"
DOMAIN_VERSION = 1

# Channels that stand side by side in a map in groups; 1 in place of it means NCHW.
CHANNEL_GROUP = 16

# Chroma subsamplings that a compiled file can be written for: the sampling factors (horizontal,
# vertical) of luma where chroma has (1, 1). ITU-T T.81, B.2.2.
LUMA_FACTORS = {
    "4:4:4": (1, 1),
    "4:2:2": (2, 1),
    "4:4:0": (1, 2),
    "4:2:0": (2, 2),
    "4:1:1": (4, 1),
}

# Operators for the programs of a model's own functions, and the longest program of a kernel: more
# steps than any activation has, and few enough that registers are no burden.
MOST_PROGRAMS = 32
MOST_PROGRAM_STEPS = 256
MOST_PROGRAM_CONSTANTS = 256

# Limits of native kernels. Where transformed weights of Winograd's larger tile, 36 for each pair of
# channels, would not stay in the last level of a cache, the smaller tile with its 16 is faster.
MOST_WINOGRAD4_FLOATS = 5 << 20
# Convolutions of so few channels are computed in a way of their own.
THIN_CHANNELS = 4
# Floats of all tables of a sparse first convolution, 32 MB, and groups of channels that share one.
MOST_TABLE_FLOATS = 8 << 20
TABLE_GROUPS = 2

# Native kernels that have a form for CUDA, `make_KERNEL_on_cuda` in C++.
CUDA_KERNELS = (
    "abs",
    "add",
    "atan",
    "batch_normalization",
    "celu",
    "channel_max",
    "channel_mean",
    "channel_min",
    "channel_sum",
    "clip",
    "conv",
    "conv_transpose",
    "cos",
    "depth_to_space",
    "elu",
    "erf",
    "exp",
    "gelu",
    "global_average_pool",
    "global_max_pool",
    "group_normalization",
    "hard_sigmoid",
    "hard_swish",
    "ingest",
    "ingest_conv",
    "max_pool",
    "maximum",
    "minimum",
    "mish",
    "prelu",
    "product",
    "program",
    "relu",
    "scale",
    "scale_add_relu",
    "selu",
    "separable",
    "sigmoid",
    "silu",
    "sin",
    "softplus",
    "softsign",
    "space_to_depth",
    "sub",
    "tanh",
    "to_jpeg",
    "to_spatial",
    "truncate",
)
# Those of them that read numbers by channel on the host, and pack them for the device.
CUDA_PACKED_VECTORS = ("batch_normalization", "group_normalization", "prelu")

# The constants that kernels know: FEW_NAMES is kFewNames in C++.
FOR_KERNELS = (
    "DOMAIN",
    "DOMAIN_VERSION",
    "CHANNEL_GROUP",
    "MOST_PROGRAM_STEPS",
    "MOST_PROGRAM_CONSTANTS",
    "MOST_WINOGRAD4_FLOATS",
    "THIN_CHANNELS",
    "MOST_TABLE_FLOATS",
    "TABLE_GROUPS",
)
