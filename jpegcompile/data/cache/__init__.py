"""Caches of data sets: the packed coefficients of all images in one file (docs/data_cache.md)."""
