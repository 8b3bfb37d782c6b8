"""Exact batch normalization of JPEG-domain maps at inference: one affine map per channel."""
