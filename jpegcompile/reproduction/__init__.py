"""The experiments of the paper for any model and images: numbers, a JSON file and plots.

M. Ehrlich and L. Davis, "Deep Residual Learning in the JPEG Transform Domain", ICCV 2019.
"""
