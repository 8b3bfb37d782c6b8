"""ReLU of JPEG-domain maps: exact, or with an approximated mask."""
