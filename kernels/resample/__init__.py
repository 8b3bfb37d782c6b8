"""Strided slices, zero padding and resizing of JPEG-domain maps: linear and exact."""
