"""The checks of `gpu-check`: kernels, whole models, rates and throughput on the current GPU."""
