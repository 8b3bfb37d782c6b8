"""Emission of compiled models as PyTorch modules that call Triton kernels."""
