"""Source models at an image size other than the training size."""
