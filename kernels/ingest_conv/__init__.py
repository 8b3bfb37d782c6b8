"""The ingest fused with the convolution that reads its image, as one affine map."""
