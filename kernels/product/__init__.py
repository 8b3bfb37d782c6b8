"""Products, maxima and minima of two JPEG-domain maps, pixel by pixel: exact."""
