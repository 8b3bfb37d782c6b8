"""Exact affine map from the quantized coefficients of JPEG files to a network's input."""
