"""Nonlinear functions of each pixel."""
