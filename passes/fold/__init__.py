"""Fold normalizations and constants into adjacent operators; exact."""
