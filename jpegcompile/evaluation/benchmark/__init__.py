"""How long the original and the compiled model take: what `jpegcompile bench` measures."""
