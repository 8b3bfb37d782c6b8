"""Raise `jpegcompile` operators in a source model to standard ONNX operators on pixels."""
