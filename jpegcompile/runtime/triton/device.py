"""The current GPU."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
import triton

from jpegcompile.errors import AccessError
from jpegcompile.messages import Message
from jpegcompile.runtime.triton.launching import is_interpreted


@dataclass(frozen=True)
class DeviceFacts:
    """Properties of the GPU and software that measurements depend on.

    Attributes:
        name: name of the GPU from its driver.
        capability: compute capability, such as "9.0".
        triton: version of Triton.
        torch: version of PyTorch.
    """

    name: str
    capability: str
    triton: str
    torch: str

    def to_json(self) -> dict[str, Any]:
        """Return JSON-ready data: the arguments of `DeviceFacts`."""
        return asdict(self)


def require_gpu(verb: str) -> DeviceFacts:
    """Return the facts of the current GPU.

    Args:
        verb: command that requires a GPU, for messages.

    Raises:
        AccessError: if there is no GPU, or kernels are interpreted.
    """
    if is_interpreted():
        raise AccessError(
            Message(
                "gpu-kernels-interpreted",
                f"{verb} requires compiled GPU kernels, but TRITON_INTERPRET is set; unset it",
            )
        )
    if not torch.cuda.is_available():
        raise AccessError(
            Message(
                "gpu-missing",
                f"{verb} requires an NVIDIA GPU, but PyTorch finds none; run it on a machine with"
                " a GPU",
            )
        )
    major, minor = torch.cuda.get_device_capability()
    return DeviceFacts(
        torch.cuda.get_device_name(), f"{major}.{minor}", triton.__version__, torch.__version__
    )
