"""Max pooling of jpeg-domain maps with all frequencies: exact."""
