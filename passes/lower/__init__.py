"""Replace operators by their JPEG-domain equivalents, one at a time; exact."""
