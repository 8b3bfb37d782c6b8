"""Emit a compiled model as a module of PyTorch that calls Triton kernels."""
