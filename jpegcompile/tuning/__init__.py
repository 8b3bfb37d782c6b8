"""Measurement of tilings of GPU kernels on the current GPU."""
