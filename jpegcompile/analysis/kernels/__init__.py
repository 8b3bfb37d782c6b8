"""Which GPU kernel computes a node, and with which arguments; one file a family of kernels."""
