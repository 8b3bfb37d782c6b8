"""Whether this is the installed package, or a clone's folder of bare sources."""

from __future__ import annotations

from importlib.util import find_spec


def require_installed() -> None:
    """Refuse to go on without the compiled modules.

    Raises:
        ImportError: if they are not there.
    """
    if find_spec("jpegcompile._core") is None:
        # Python puts the folder that it starts in first: in a clone, the bare sources.
        raise ImportError(
            "these are jpegcompile's sources, not the installed package; start Python in another"
            " folder, or install the clone with pip install -e ."
        )
