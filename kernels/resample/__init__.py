"""Strided slices and zero padding of jpeg-domain maps: linear and exact."""
