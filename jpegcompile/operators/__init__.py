"""The operators of the `jpegcompile` domain: each is defined once, and everything else follows.

The modules of this package import the standard library alone, since the build makes the header for
C++ from them (`header.py`). Only `function.py` needs onnx.
"""
