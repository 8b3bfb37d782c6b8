"""Numbers and names on which compiled files, passes and kernels agree."""

from __future__ import annotations

# Domain and opset of the operators, and the key of our record in the metadata of a model.
DOMAIN = "jpegcompile"
DOMAIN_VERSION = 1

# Channels that stand side by side in a map in groups; 1 in place of it means NCHW.
CHANNEL_GROUP = 16

# Operators for the programs of a model's own functions, and the longest program of a kernel.
MOST_PROGRAMS = 32
MOST_PROGRAM_STEPS = 256
