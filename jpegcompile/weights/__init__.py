"""Weights in files of their own (external data of ONNX): protobuf carries less than 2 GB."""
