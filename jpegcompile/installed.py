"""Check that the package is installed and not only a folder of sources."""

from __future__ import annotations

from importlib.util import find_spec


def require_installed() -> None:
    """Raise an error if the compiled modules are missing.

    Raises:
        ImportError: if they are missing.
    """
    if find_spec("jpegcompile._core") is None:
        # Python searches the current folder first, which has only the sources in a clone.
        raise ImportError(
            "this folder has the sources of jpegcompile, not the installed package; start Python in"
            " another folder, or install the clone with pip install -e ."
        )
