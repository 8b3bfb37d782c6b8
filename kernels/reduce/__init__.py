"""Reductions of JPEG-domain maps over height, width or both, and over channels: exact."""
