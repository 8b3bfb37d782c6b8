"""JpegIngestIntegers: converts coefficients to libjpeg-turbo's integers and a network's input."""
