"""The experiments of the paper, on what is at hand: numbers, a JSON file and plots.

M. Ehrlich and L. Davis, "Deep Residual Learning in the JPEG Transform Domain", ICCV 2019.
"""
