"""Entropy decoding of JPEG files into quantised DCT coefficients.

The native code is compiled into `jpegcompile._native`; `jpegcompile.jpeg.read` is its
Python face. `bench.py` compares it with a plain C loop over libjpeg.
"""
