"""Choose the operators, layouts and methods that do the work; no answer changes."""
