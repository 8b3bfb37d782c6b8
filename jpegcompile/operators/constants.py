"""Numbers and names that compiled files, passes and kernels share."""

from __future__ import annotations

# Operator domain and version of the `jpegcompile` operators. The operator domain is also the key of
# the metadata record in a compiled model. ONNX Runtime also runs kernels for nodes of later
# versions. So if the meaning of an attribute or a layout between kernels changes, rename the
# operator domain. Older libraries then run the function bodies of newer files.
DOMAIN = "jpegcompile"
DOMAIN_VERSION = 1

# Number of channels in a group of the grouped layout. 1 is NCHW.
CHANNEL_GROUP = 16

# Supported chroma subsamplings: sampling factors (horizontal, vertical) of luma for chroma factors
# of (1, 1). ITU-T T.81, B.2.2.
LUMA_FACTORS = {
    "4:4:4": (1, 1),
    "4:2:2": (2, 1),
    "4:4:0": (1, 2),
    "4:2:0": (2, 2),
    "4:1:1": (4, 1),
}

# Number of operators for the per-pixel programs of a model, and limits on a program of a kernel:
# more steps than any activation needs, but few enough for the registers.
MOST_PROGRAMS = 32
MOST_PROGRAM_STEPS = 256
MOST_PROGRAM_CONSTANTS = 256

# Limits of native kernels. The larger Winograd tile has 36 transformed weights for each pair of
# channels, the smaller tile has 16. The smaller tile is faster if the weights of the larger one
# exceed the last-level cache.
MOST_WINOGRAD4_FLOATS = 5 << 20
# Convolutions of at most this number of channels have a separate implementation.
THIN_CHANNELS = 4
# Floats in all tables of a sparse first convolution, 32 MB, and groups of channels for each table.
MOST_TABLE_FLOATS = 8 << 20
TABLE_GROUPS = 2

# Native kernels with a CUDA implementation, `make_KERNEL_on_cuda` in C++.
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
# CUDA kernels that read vectors on the host and pack them for the device.
CUDA_PACKED_VECTORS = ("batch_normalization", "group_normalization", "prelu")

# The constants for C++: FEW_NAMES is kFewNames there.
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
