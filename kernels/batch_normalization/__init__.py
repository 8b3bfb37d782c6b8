"""Batch normalisation of jpeg-domain maps at inference: one affine map for each channel; exact."""
