"""Conversion of maps between the layouts of standard operators and of GPU kernels."""
