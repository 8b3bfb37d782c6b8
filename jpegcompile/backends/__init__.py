"""Emission of compiled graphs as files for a runtime."""
