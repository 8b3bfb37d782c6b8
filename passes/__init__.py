"""Rewrite passes, one in each file; the file's docstring states the rewrite as an equation."""
