"""What models are compiled for: one file a target."""
