"""Sums and differences of a jpeg-domain map and values that do not vary over its plane: exact."""
