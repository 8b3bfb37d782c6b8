"""ReLU of jpeg-domain maps with all frequencies: exact."""
