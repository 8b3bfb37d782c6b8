"""Preprocessing nodes at the start of a source model: reading and removing them."""
