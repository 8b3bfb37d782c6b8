"""Weights in separate files (ONNX external data), since protobuf is limited to 2 GB."""
