"""Learning on JPEG coefficients: PyTorch modules in the JPEG domain."""
