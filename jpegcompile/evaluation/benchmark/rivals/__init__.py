"""Rivals: other readers from JPEG files of any size to a network's input, for `bench`."""
