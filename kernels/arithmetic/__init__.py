"""Exact sums, differences and products of JPEG-domain maps and values constant over H and W."""
