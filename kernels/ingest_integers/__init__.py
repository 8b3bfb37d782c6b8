"""JpegIngestIntegers: coefficients to the integers of libjpeg-turbo, and to a network's input."""
