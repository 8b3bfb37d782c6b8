"""Low frequencies only of jpeg-domain maps."""
