"""Tiles of maps in PyTorch tensors, for learning: C++ for processors, Triton for GPUs."""
