"""Exact convolution of JPEG-domain maps, for any kernel, stride, padding, dilation and group."""
