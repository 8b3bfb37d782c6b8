"""From packed coefficients to those that the ingest reads; no operator of files."""
