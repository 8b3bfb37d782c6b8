"""Architectures of GPUs that kernels are compiled for."""

from __future__ import annotations

from collections.abc import Sequence

from jpegcompile.errors import UsageError

# Compute capabilities by the names of architectures.
ARCHITECTURES = {"sm_80": 80, "sm_90": 90, "sm_100": 100}
# Later chips of major 8, on which code for sm_80 runs. Other code runs on its own chip alone.
_LATER = ("sm_86", "sm_87", "sm_89")


def require_architectures(option: str, names: Sequence[str]) -> None:
    """Refuse architectures that kernels cannot be compiled for.

    Raises:
        UsageError: if one is unknown.
    """
    unknown = next((name for name in names if name not in ARCHITECTURES), None)
    if unknown is not None:
        raise UsageError(f"{option} has '{unknown}'; use {', '.join(ARCHITECTURES)}")


def architecture_for(device: str) -> str | None:
    """The architecture whose kernels run on a device, such as "sm_80" for "sm_89".

    None if kernels cannot be compiled for it.
    """
    found = "sm_80" if device in _LATER else device
    return found if found in ARCHITECTURES else None
