"""JpegIngestFile: converts the bytes of a file of any size to a network's input."""
