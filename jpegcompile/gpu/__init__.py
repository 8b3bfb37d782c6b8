"""Shared parts of the GPU kernels of all targets: layouts, launches, tile matrices, programs."""
