"""Open compiled models, feed them with image files, and run them."""
