"""Choose operators, layouts and methods for speed; outputs do not change."""
