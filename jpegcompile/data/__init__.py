"""Read folders and tar shards of images as batches for training and inference in PyTorch."""
