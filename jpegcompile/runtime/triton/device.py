"""The GPU at hand."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
import triton

from jpegcompile.errors import AccessError
from jpegcompile.runtime.triton.launching import is_interpreted


@dataclass(frozen=True)
class DeviceFacts:
    """What measurements depend on.

    Attributes:
        name: of the GPU, as its driver says it.
        capability: compute capability, such as "9.0".
        triton, torch: versions.
    """

    name: str
    capability: str
    triton: str
    torch: str

    def to_json(self) -> dict[str, Any]:
        """JSON-ready data, the arguments of `DeviceFacts`."""
        return asdict(self)


def require_gpu(verb: str) -> DeviceFacts:
    """The facts of the current GPU.

    Args:
        verb: what needs it, for errors.

    Raises:
        AccessError: if there is none, or kernels are interpreted.
    """
    if is_interpreted():
        raise AccessError(
            f"{verb} needs kernels that are compiled for a GPU, and TRITON_INTERPRET is set;"
            " start without it"
        )
    if not torch.cuda.is_available():
        raise AccessError(
            f"{verb} needs an NVIDIA GPU, and PyTorch finds none here; run it where there is one"
        )
    major, minor = torch.cuda.get_device_capability()
    return DeviceFacts(
        torch.cuda.get_device_name(), f"{major}.{minor}", triton.__version__, torch.__version__
    )
