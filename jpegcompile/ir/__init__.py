"""The intermediate representation: an onnx-graphsurgeon graph and the compiler's facts about it."""
