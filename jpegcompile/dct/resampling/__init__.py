"""The resize filters of each library: the pixels of every output and their weights."""
