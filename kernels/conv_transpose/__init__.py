"""Transposed convolution of jpeg-domain maps, any geometry; exact."""
