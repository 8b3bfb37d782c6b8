"""Fold normalisations and constants into the operators around them; exact."""
