"""Convert a source graph to canonical forms; exact."""
