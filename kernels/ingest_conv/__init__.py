"""The ingest and the convolution that alone reads its image, as one linear map."""
