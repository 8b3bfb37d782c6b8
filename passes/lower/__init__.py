"""Replace operators by their twins in the JPEG domain, one at a time; exact."""
