"""Emission: from the compiled graph to a file that a runtime takes."""
