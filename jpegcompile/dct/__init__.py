"""The mathematics of the JPEG domain in NumPy. It works on arrays, not on graphs."""
