"""Target "triton": PyTorch with Triton kernels, on GPUs."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from jpegcompile.errors import AccessError
from jpegcompile.messages import Message
from jpegcompile.target.base import Target

if TYPE_CHECKING:
    from jpegcompile.ir.rewrite import Pass

_NEEDED = ("torch", "triton", "safetensors")


def _schedule(_: Target) -> tuple[Pass, ...]:
    from jpegcompile.cost.gpu import kernel_costs
    from jpegcompile.passes.schedule.choose_layouts import ChooseLayouts
    from jpegcompile.passes.schedule.fuse_convolution import FuseConvolution
    from jpegcompile.passes.schedule.fuse_scale import FuseScale
    from jpegcompile.passes.schedule.select_kernels import SelectKernels
    from jpegcompile.passes.schedule.spatial_twins import SpatialTwins

    return (
        FuseConvolution(takes_spatial=True),
        SpatialTwins(),
        FuseScale(),
        SelectKernels(),
        ChooseLayouts(kernel_costs),
    )


def require_triton() -> None:
    """Require the packages of this target.

    Raises:
        AccessError: if a package is not installed.
    """
    missing = next((name for name in _NEEDED if find_spec(name) is None), None)
    if missing is not None:
        raise AccessError(
            Message(
                "target-package-missing",
                f"--target triton requires {missing}, which is not installed;"
                " pip install 'jpegcompile[triton]'",
            )
        )


TRITON = Target(
    name="triton",
    keeps_operators=True,
    kernels=None,
    passes=_schedule,
    chooses_layouts=True,
    precisions=("tf32x3", "float32", "float16", "bfloat16"),
    require=require_triton,
    compiles_kernels=True,
)
