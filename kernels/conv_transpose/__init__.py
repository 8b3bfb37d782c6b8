"""Exact transposed convolution of JPEG-domain maps, for any geometry."""
