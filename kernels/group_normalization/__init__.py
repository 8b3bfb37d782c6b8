"""Exact group and instance normalisation of JPEG-domain maps, from statistics of coefficients."""
