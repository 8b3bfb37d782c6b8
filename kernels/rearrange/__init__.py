"""Pixels to channels and back, of jpeg-domain maps: exact."""
