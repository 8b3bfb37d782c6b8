"""Selection of GPU kernels for nodes, with one file for each family of kernels."""
