"""Casts between the spatial and the jpeg domain: the block DCT of a map in place, and back."""
