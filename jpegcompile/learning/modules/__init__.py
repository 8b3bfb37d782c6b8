"""PyTorch modules in the JPEG domain, one file for each family."""
