"""Compile the GPU kernels of one compiled model, for ONNX Runtime's CUDA provider."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import onnx
from onnx import helper

from jpegcompile.dct.frequencies import full
from jpegcompile.gpu.compile_all import compile_all, distinct
from jpegcompile.gpu.cubin_file import cubins_content
from jpegcompile.gpu.functions import program_of
from jpegcompile.gpu.launch import Launch
from jpegcompile.gpu.library.build import PRECISION
from jpegcompile.gpu.library.form import Form
from jpegcompile.gpu.library.forms import launches_of_forms, library_forms
from jpegcompile.gpu.library.function_forms import forms_of
from jpegcompile.gpu.programs import NOTHING, SPREAD, Program
from jpegcompile.interface import DOMAIN
from jpegcompile.operators.constants import CUDA_KERNELS
from jpegcompile.operators.convolution import JPEG_POINTWISE_CONV
from jpegcompile.operators.definition import PIXELS, Operand, Operator
from jpegcompile.operators.pixelwise import PIXELWISE
from jpegcompile.operators.registry import OPERATORS
from jpegcompile.processors import available_processors
from jpegcompile.progress import Progress, no_progress

# Layout of a map: pixels, coefficients at their positions in the map, or contiguous coefficients.
Place = Literal["pixels", "raster", "rows"]
# Modules of kernels that are not per-pixel functions, by native kernel.
_MODULES = {
    "global_average_pool": "average_pool",
    "global_max_pool": "max_pool",
    "max_pool": "max_pool",
    "group_normalization": "group_normalization",
    "depth_to_space": "rearrange",
    "separable": "resample",
    "space_to_depth": "rearrange",
    "channel_max": "reduce",
    "channel_mean": "reduce",
    "channel_min": "reduce",
    "channel_sum": "reduce",
}
# Rank of a table of constants [constants, channels, 1, 1].
_TABLE = 4


def companion(
    model: onnx.ModelProto,
    archs: Sequence[int],
    progress: Progress = no_progress,
) -> bytes:
    """Compile the kernels that the native library launches for a compiled model.

    Args:
        model: a model compiled for ONNX Runtime.
        archs: compute capabilities, such as 90.
        progress: called with (kernels done, kernels in all).

    Returns:
        The content of a cubin file.

    Raises:
        UsageError: if Triton interprets kernels in this process.
        InternalError: if a kernel spills registers or exceeds a limit of its GPU.
    """
    made = compile_all(launches_of(model), archs, available_processors(), progress)
    cubins = [cubin.stored for one in made for cubin in one]
    return cubins_content(cubins, "the GPU kernels of a model")


def launches_of(model: onnx.ModelProto) -> list[Launch]:
    """Return launches of the distinct kernels that a compiled model can use, with every tiling."""
    constants = {one.name: tuple(one.dims) for one in model.graph.initializer}
    nodes = [_Node.of(n, constants) for n in model.graph.node if n.domain == DOMAIN]
    used = [node for node in nodes if node.operator.kernel in CUDA_KERNELS]
    forms = [form for node in used for form in node.own_forms]
    launches = launches_of_forms([*library_forms(), *forms], PRECISION)
    return distinct(launch for launch in launches if any(node.takes(launch) for node in used))


@dataclass(frozen=True)
class _Node:
    """A node with a `jpegcompile` operator.

    Attributes:
        operator: operator of the node.
        attributes: attributes by name.
        program: the per-pixel program that its kernels are compiled with.
    """

    operator: Operator
    attributes: Mapping[str, Any]
    program: Program

    @classmethod
    def of(cls, node: onnx.NodeProto, constants: Mapping[str, tuple[int, ...]]) -> _Node:
        """Read a node; `constants` are the shapes of the initializers by name."""
        operator = OPERATORS[node.op_type]
        attributes = {a.name: _value(a) for a in node.attribute}
        count = 1
        if operator.has("constants"):
            shape = constants.get(node.input[operator.position("constants")], ())
            count = shape[0] if len(shape) == _TABLE else 1
        return cls(operator, attributes, program_of(operator, attributes, count))

    @property
    def own_forms(self) -> list[Form]:
        """Forms of the node's own program, which the library does not need to have."""
        return list(forms_of(self.program)) if self.operator in PIXELWISE else []

    def takes(self, launch: Launch) -> bool:
        """Whether the node can launch the kernel of a launch."""
        module, _, function = launch.kernel.partition(".triton:")
        if module == "layout":
            return True
        if module == "ingest":
            return bool(self.operator.ingest) or self.operator.kernel == "ingest"
        if module == "conv":
            return "conv" in self.operator.kernel and self._convolves_by(launch, function)
        if module == "arithmetic":
            # These kernels convert coefficients to pixels, and vectors to maps, for other modules.
            known = (self.program.steps, NOTHING.steps, SPREAD.steps)
            is_wanted = launch.constants["PROGRAM"] in known
        else:
            is_wanted = module == _MODULES.get(self.operator.kernel)
        return is_wanted and self._has_places_of(launch)

    def _has_places_of(self, launch: Launch) -> bool:
        """Whether each map of a launch has a layout of the node's maps, or is stored as pixels."""
        names = [name for name in ("X", "OTHER", "Y") if f"{name}_ROWS" in launch.constants]
        return {_place(launch, name) for name in names} <= {"pixels", *self._places.values()}

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
            and bool(constants["PROGRAM"] == self.program.steps)
        )

    @cached_property
    def _places(self) -> dict[str, Place]:
        return {operand.name: self._place_of(operand) for operand in self.operator.maps}

    def _place_of(self, operand: Operand) -> Place:
        block = 1 if operand.block == PIXELS else self.attributes[operand.block]
        if block == 1:
            return "pixels"
        frequencies = self.attributes.get(operand.frequencies_attribute, 0)
        is_grouped = self.attributes.get(operand.group_attribute, 1) != 1
        return "rows" if is_grouped and frequencies not in (0, full(block)) else "raster"


def _value(attribute: onnx.AttributeProto) -> Any:
    value = helper.get_attribute_value(attribute)
    return value.decode() if isinstance(value, bytes) else value


def _place(launch: Launch, name: str) -> Place:
    """Return the layout in which a launch reads or writes a map."""
    constants = launch.constants
    if constants[f"{name}_ROWS"]:
        return "rows"
    # A kernel that only uses coefficients has no constant for pixels.
    return "raster" if constants.get(f"{name}_MIXED", True) else "pixels"
