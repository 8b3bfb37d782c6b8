"""Every option once: the command line, the Python functions and docs/options.md follow from it."""
