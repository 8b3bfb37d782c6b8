"""Exact affine map from the quantised coefficients of JPEG files to a network's input."""
