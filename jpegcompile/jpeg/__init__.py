"""The way from the bytes of JPEG files to their DCT coefficients."""
