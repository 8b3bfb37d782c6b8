"""How few frequencies are enough: a plan for each node within a stated loss of accuracy."""
