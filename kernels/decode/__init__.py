"""JpegDecode: the bytes of a file as the input of a model, by the reader of `jpegcompile.jpeg`."""
