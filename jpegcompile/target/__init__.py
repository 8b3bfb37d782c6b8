"""Compilation targets, one file each."""
