"""Truncation of JPEG-domain maps to low frequencies."""
