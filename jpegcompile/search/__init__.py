"""Searches for few frequencies and for a small resolution within a budget of accuracy."""
