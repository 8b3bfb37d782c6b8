"""Exact group and instance normalization of JPEG-domain maps, from statistics of coefficients."""
