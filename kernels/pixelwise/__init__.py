"""Nonlinear per-pixel functions."""
