"""Weights in separate files (ONNX external data), because protobuf is limited to 2 GB."""
