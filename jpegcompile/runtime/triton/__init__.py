"""Run compiled models by Triton kernels in PyTorch."""
