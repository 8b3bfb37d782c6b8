"""From a photograph of any size to what a network takes: descriptions, and where they are read."""
