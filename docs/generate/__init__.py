"""Generators of the documentation, called by `docs/make.py`."""
