"""Convolution of jpeg-domain maps: any kernel, stride, padding, dilation and group; exact."""
