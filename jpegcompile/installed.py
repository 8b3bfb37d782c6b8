"""Check that the package is installed and not only a folder of sources."""

from __future__ import annotations

from importlib.util import find_spec

# Python searches the current folder first, which has only the sources in a clone.
NOT_INSTALLED = (
    "this folder has the sources of jpegcompile, not the installed package; start Python in another"
    " folder, or install the clone with pip install -e ."
)


def require_installed() -> None:
    """Raise an error if the compiled modules are missing.

    Raises:
        ImportError: if they are missing.
    """
    if find_spec("jpegcompile._core") is None:
        raise ImportError(NOT_INSTALLED)
