"""Clip of jpeg-domain maps: exact, or with an approximated mask."""
