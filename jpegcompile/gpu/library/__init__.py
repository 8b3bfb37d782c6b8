"""The GPU kernels of the native library: their forms, compilation and files."""
