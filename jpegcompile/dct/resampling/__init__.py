"""How each library resizes an axis: the pixels that every output is made of, and their weights."""
