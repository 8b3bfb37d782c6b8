"""The GPU kernels of one compiled file, for ONNX Runtime's CUDA provider."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import onnx
from onnx import helper

from jpegcompile.dct.frequencies import full
from jpegcompile.gpu.build import PRECISION
from jpegcompile.gpu.compile_all import compile_all, distinct
from jpegcompile.gpu.cubin_file import cubins_content
from jpegcompile.gpu.launch import Launch
from jpegcompile.gpu.library import library_launches, program_of
from jpegcompile.interface import DOMAIN
from jpegcompile.operators.constants import CUDA_KERNELS
from jpegcompile.operators.convolution import JPEG_POINTWISE_CONV
from jpegcompile.operators.definition import PIXELS, Operand, Operator
from jpegcompile.operators.registry import OPERATORS
from jpegcompile.processors import available_processors

# How a map stands: as pixels, or as coefficients at their places or side by side.
Place = Literal["pixels", "raster", "rows"]
_ELEMENTWISE = "arithmetic.triton:elementwise"
# The modules of kernels that are no functions of a pixel, by the native kernels of operators.
_MODULES = {
    "global_average_pool": "average_pool",
    "global_max_pool": "max_pool",
    "max_pool": "max_pool",
}


def companion(
    model: onnx.ModelProto,
    archs: Sequence[int],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> bytes:
    """A file of the kernels that the native library launches for a compiled model.

    Args:
        model: compiled for ONNX Runtime.
        archs: compute capabilities, such as 90.
        progress: called with (kernels done, kernels in all).

    Raises:
        UsageError: if Triton interprets kernels in this process.
        InternalError: if a kernel spills registers or exceeds a limit of its GPU.
    """
    made = compile_all(launches_of(model), archs, available_processors(), progress)
    cubins = [cubin.stored for one in made for cubin in one]
    return cubins_content(cubins, "the GPU kernels of a model")


def launches_of(model: onnx.ModelProto) -> list[Launch]:
    """The distinct kernels that nodes of a compiled model may launch, in every tiling."""
    nodes = [_Node.of(node) for node in model.graph.node if node.domain == DOMAIN]
    used = [node for node in nodes if node.operator.kernel in CUDA_KERNELS]
    everything = library_launches(PRECISION)
    return distinct(launch for launch in everything if any(node.takes(launch) for node in used))


@dataclass(frozen=True)
class _Node:
    """A node of our domain."""

    operator: Operator
    attributes: Mapping[str, Any]

    @classmethod
    def of(cls, node: onnx.NodeProto) -> _Node:
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        return cls(OPERATORS[node.op_type], attributes)

    def takes(self, launch: Launch) -> bool:
        """Whether the node may launch a kernel."""
        module, _, function = launch.kernel.partition(".triton:")
        if module == "layout":
            return True
        if module == "ingest":
            return bool(self.operator.ingest) or self.operator.kernel == "ingest"
        if module == "conv":
            return "conv" in self.operator.kernel and self._convolves_by(launch, function)
        is_transform = launch.kernel == _ELEMENTWISE and not launch.constants["PROGRAM"]
        return self._transforms_by(launch) if is_transform else self._computes_by(launch, module)

    def _transforms_by(self, launch: Launch) -> bool:
        """Whether the node takes coefficients to pixels, or to the place of y."""
        into = {"pixels", self._places["y"]}
        return _place(launch, "X") in self._places.values() and _place(launch, "Y") in into

    def _computes_by(self, launch: Launch, module: str) -> bool:
        if module != _MODULES.get(self.operator.kernel, "arithmetic"):
            return False
        fixed = [name for name in ("X", "Y") if f"{name}_ROWS" in launch.constants]
        return self._has_program(launch) and all(
            _place(launch, name) == self._places.get(name.lower()) for name in fixed
        )

    def _convolves_by(self, launch: Launch, function: str) -> bool:
        constants, place = launch.constants, self._places.get("residual")
        is_on_coefficients = (
            self.operator.base == JPEG_POINTWISE_CONV and self._places["x"] != "pixels"
        )
        return (
            (function == "conv_rows") == is_on_coefficients
            and (not is_on_coefficients or _place(launch, "X") == self._places["x"])
            and bool(constants["TRANSPOSED"]) == (self.operator.kernel == "conv_transpose")
            and bool(constants["RESIDUAL"]) == (place is not None)
            and (place is None or _place(launch, "RESIDUAL") in ("pixels", place))
            and (_place(launch, "Y") == self._places["y"] or not constants["ACTIVATED"])
            and self._has_program(launch)
        )

    def _has_program(self, launch: Launch) -> bool:
        return bool(launch.constants.get("PROGRAM") == program_of(self.operator).steps)

    @cached_property
    def _places(self) -> dict[str, Place]:
        return {operand.name: self._place_of(operand) for operand in self.operator.maps}

    def _place_of(self, operand: Operand) -> Place:
        if operand.block == PIXELS:
            return "pixels"
        block = self.attributes[operand.block]
        if block == 1:
            return "pixels"
        frequencies = self.attributes.get(operand.frequencies_attribute, 0)
        is_grouped = self.attributes.get(operand.group_attribute, 1) != 1
        return "rows" if is_grouped and frequencies not in (0, full(block)) else "raster"


def _place(launch: Launch, name: str) -> Place:
    """How a launch takes or makes a map."""
    constants = launch.constants
    if constants[f"{name}_ROWS"]:
        return "rows"
    # A kernel of coefficients alone has no pixels to tell apart.
    return "raster" if constants.get(f"{name}_MIXED", True) else "pixels"
