"""The function body of every operator, as ONNX text."""
