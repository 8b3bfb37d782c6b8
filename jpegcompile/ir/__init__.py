"""The intermediate representation: an onnx-graphsurgeon graph and what the compiler knows of it."""
