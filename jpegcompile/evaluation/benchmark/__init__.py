"""Time the original and the compiled model for `jpegcompile bench`."""
