"""Source models at another size than the one that they were trained at."""
