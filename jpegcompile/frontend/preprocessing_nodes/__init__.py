"""Preprocessing that stands at the head of a source model: read, and taken out for the ingest."""
