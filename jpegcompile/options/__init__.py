"""The record of all options, which defines the CLI, the Python functions and docs/options.md."""
