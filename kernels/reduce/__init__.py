"""Means and sums over one axis of the plane, or both, of jpeg-domain maps: linear and exact."""
