"""ReLU with a slope below zero, of jpeg-domain maps: exact, or with an approximated mask."""
