"""Analyses of a graph that passes share, and a few helpers that write nodes."""
