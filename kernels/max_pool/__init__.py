"""Max pooling of jpeg-domain maps: exact, or with approximated positions."""
