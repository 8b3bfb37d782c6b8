"""Decide nonlinearities by few frequencies, as the frequency plan says."""
