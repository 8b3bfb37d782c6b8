"""Replace operators by their JPEG-domain twins, one at a time; exact."""
