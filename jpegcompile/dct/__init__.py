"""The mathematics of the JPEG transform domain in NumPy. Knows arrays, never graphs."""
