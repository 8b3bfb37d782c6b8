"""Bring a source graph to one form for each idea; exact."""
