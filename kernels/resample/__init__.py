"""Strided slices, zero padding and resizing of jpeg-domain maps: linear and exact."""
