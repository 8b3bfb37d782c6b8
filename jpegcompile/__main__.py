"""`python -m jpegcompile` is the `jpegcompile` command."""

from jpegcompile.cli import main

main()
