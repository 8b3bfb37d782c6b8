"""GPU architectures for which kernels are compiled."""

from __future__ import annotations

from collections.abc import Sequence

from jpegcompile.errors import UsageError
from jpegcompile.messages import Message

# Compute capabilities by architecture name.
ARCHITECTURES = {"sm_80": 80, "sm_90": 90, "sm_100": 100}
# Later GPUs of compute capability 8.x, which run code for sm_80. Other code runs only on its own
# architecture.
_LATER = ("sm_86", "sm_87", "sm_89")


def require_architectures(option: str, names: Sequence[str]) -> None:
    """Require architectures for which kernels can be compiled.

    Args:
        option: name of the option, for the message.
        names: names of architectures.

    Raises:
        UsageError: if an architecture is unknown.
    """
    unknown = next((name for name in names if name not in ARCHITECTURES), None)
    if unknown is not None:
        raise UsageError(
            Message(
                "architecture-unknown",
                f"{option} has '{unknown}'; use {', '.join(ARCHITECTURES)}",
            )
        )


def architecture_for(device: str) -> str | None:
    """Return the architecture whose kernels run on a device, such as "sm_80" for "sm_89".

    Args:
        device: architecture of the device.

    Returns:
        The architecture; None if kernels cannot be compiled for the device.
    """
    found = "sm_80" if device in _LATER else device
    return found if found in ARCHITECTURES else None
