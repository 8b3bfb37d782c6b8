"""PyTorch modules of ONNX models, and ONNX models with the weights that a module learned."""
