"""Approximate nonlinearities by few frequencies, as the frequency plan specifies."""
