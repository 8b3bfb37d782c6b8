"""Native preprocessing of JPEG files of any size into a network's input."""
