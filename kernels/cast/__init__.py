"""Casts between the spatial and the JPEG domain: the block DCT of a map, and its inverse."""
