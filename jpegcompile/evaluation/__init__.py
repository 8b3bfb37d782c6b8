"""Check a compiled model: verify it against the original, compare both on labelled images."""
