"""Definitions of the `jpegcompile` operators, one module for each family.

The C++ headers, function bodies, documentation and checks are all derived from the definitions. The
build generates C++ from them (`header.py`), so the modules of this package only import the standard
library. The exception is `function.py`, which imports onnx.
"""
