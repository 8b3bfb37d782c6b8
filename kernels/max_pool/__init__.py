"""Max pooling of JPEG-domain maps, exact or with approximated positions."""
