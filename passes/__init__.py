"""Rewrite passes: one a file, graph surgery only; each header states the rewrite as an equation."""
