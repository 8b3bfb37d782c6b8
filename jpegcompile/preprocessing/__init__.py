"""Preprocessing from images of any size to a network's input, and readers of its descriptions."""
