"""JpegDecode: reads the bytes of a file inside a model, with the reader of `jpegcompile.jpeg`."""
