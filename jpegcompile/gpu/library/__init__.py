"""The GPU kernels of the native library: which there are, compiling them, files of them."""
