"""Tilings of GPU kernels, measured on the GPU at hand."""
