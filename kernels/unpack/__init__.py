"""Unpacking of packed coefficients for the ingest; not an operator of compiled files."""
