"""Products, maxima and minima of two jpeg-domain maps, pixel by pixel: exact."""
