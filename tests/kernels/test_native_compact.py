"""Native convolutions of compact maps, against references in float64.

Elements of a tensor that a compact map does not use are NaN, so that tests detect reads of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from support.compact import laid, layout_for, run_node
from support.maps import random_map
from support.native import ISAS, NativeError
from support.operators import convolutions
from support.tiers import check_each, gathered

from jpegcompile.dct.blocks import block_size, to_jpeg, to_spatial
from jpegcompile.dct.frequencies import band_map, full
from jpegcompile.kernels.conv.reference import jpeg_conv, jpeg_pointwise_conv
from jpegcompile.kernels.truncate.reference import from_compacted, jpeg_truncate
from jpegcompile.operators.convolution import fused_name
from jpegcompile.operators.definition import Operator
from jpegcompile.operators.registry import OPERATORS

LOW, HIGH, SLOPE = -0.25, 0.75, 0.125


@dataclass(frozen=True)
class Layer:
    """A convolution with its epilogue, on truncated maps.

    Attributes:
        form: the operator.
        x: shape of its input.
        outputs: number of output channels.
        kernel: height and width, except for 1x1 convolutions on coefficients.
        bands: numbers of frequencies of x, the residual and the result; ignored for a result that
            is not truncated.
        stride: along both axes.
        group: number of channel groups of the convolution.
        is_grouped: whether maps have grouped channels, where possible.
        is_compact: whether the result is compact, where possible.
        method: method of a 3x3 convolution.
    """

    form: Operator
    x: tuple[int, int, int, int]
    outputs: int
    kernel: int
    bands: tuple[int, int, int]
    stride: int = 1
    group: int = 1
    is_compact: bool = True
    method: str = ""

    def __str__(self) -> str:
        shape = "x".join(map(str, (*self.x, self.outputs, self.kernel)))
        return f"{self.form.name}-{shape}-{self.bands}-{self.stride}-{self.group}-{self.method}"

    @property
    def is_pointwise(self) -> bool:
        return self.form.base == "JpegPointwiseConv"

    @property
    def size(self) -> tuple[int, int]:
        height, width = (-(-side // self.stride) for side in self.x[2:])
        return height, width

    @property
    def blocks(self) -> tuple[int, int]:
        return block_size(*self.x[2:]), block_size(*self.size)

    @property
    def result_band(self) -> int:
        """Number of frequencies of the result."""
        x, residual, y = self.bands
        if self.form.truncates:
            return y
        if self.is_pointwise and not self.form.activation:
            return max(x, residual) if self.form.has("residual") else x
        return full(self.blocks[1])


def _layers() -> Iterator[Layer]:
    """Return all forms with all numbers of frequencies, and alternating shapes and options."""
    shapes = {
        8: ((1, 16, 16, 24), (2, 48, 8, 8), (3, 16, 24, 8), (5, 32, 8, 16)),
        4: ((2, 16, 12, 20), (4, 32, 4, 4), (1, 48, 28, 28)),
        2: ((3, 16, 14, 14), (1, 32, 6, 10), (5, 16, 2, 2)),
    }
    turn = 0
    for block, sizes in shapes.items():
        whole = full(block)
        for count in range(1, whole + 1):
            for form in convolutions("JpegConv", "JpegPointwiseConv"):
                turn += 1
                x = sizes[turn % len(sizes)]
                bands = (count, (count * 5 + turn) % whole + 1, (count * 3 + turn) % whole + 1)
                if form.base == "JpegPointwiseConv":
                    outputs, group = ((64, 1), (16, 2), (32, 16), (19, 1))[turn % 4]
                    compact = turn % 5 != 0
                    yield Layer(form, x, outputs, 1, bands, 1, group, compact)
                    continue
                kernel, stride, method = (
                    (3, 1, "winograd4"),
                    (3, 1, "direct"),
                    (1, 2, ""),
                    (3, 1, "winograd2"),
                    (3, 2, ""),
                )[turn % 5]
                made = block_size(-(-x[2] // stride), -(-x[3] // stride))
                if made == 1 and form.truncates:
                    continue
                most = full(made)
                bands = (count, min(bands[1], most), min(bands[2], most))
                outputs = (32, 16, 21)[turn % 3]
                yield Layer(form, x, outputs, kernel, bands, stride, 1, turn % 7 != 0, method)


LAYERS = list(_layers())


@dataclass(frozen=True)
class Problem:
    """Operands, and the expected result in float64."""

    x: NDArray[np.float64]
    weight: NDArray[np.float64]
    bias: NDArray[np.float64]
    residual: NDArray[np.float64]
    expected: NDArray[np.float64]
    bound: float


def _problem(layer: Layer) -> Problem:
    """Return a problem; `tests/kernels/test_native_conv.py` explains the tolerance."""
    input_block, output_block = layer.blocks
    x = jpeg_truncate(random_map(layer.x), block=input_block, frequencies=layer.bands[0])
    weight = random_map((layer.outputs, layer.x[1] // layer.group, layer.kernel, layer.kernel))
    bias = random_map((layer.outputs,))
    if layer.is_pointwise:
        made = jpeg_pointwise_conv(x, weight, bias, block=input_block, group=layer.group)
    else:
        made = jpeg_conv(
            x, weight, bias, **_window(layer), input_block=input_block, output_block=output_block
        )
    others = random_map(made.shape)
    if output_block > 1:
        others = jpeg_truncate(others, block=output_block, frequencies=layer.bands[1])
    if layer.form.has("residual"):
        made = made + others
    made = to_jpeg(_activated(layer.form, to_spatial(made, output_block)), output_block)
    if layer.form.truncates:
        made = jpeg_truncate(made, block=output_block, frequencies=layer.bands[2])
    pixels = np.abs(to_spatial(x, input_block)).max()
    magnitudes = float(np.abs(weight).sum((1, 2, 3)).max() * pixels + 8)
    steps = 4 * float(np.sqrt(weight[0].size + 64))
    # The factor by which Winograd's points increase the sum of magnitudes.
    growth = 8.3 if layer.method.startswith("winograd") else 1.0
    bound = steps * float(np.finfo(np.float32).eps) * magnitudes * growth
    return Problem(x, weight, bias, others, made, bound)


def _window(layer: Layer) -> dict[str, Any]:
    pad = (layer.kernel - 1) // 2
    return {
        "strides": (layer.stride, layer.stride),
        "pads": (pad, pad, pad, pad),
        "dilations": (1, 1),
        "group": layer.group,
    }


def _activated(form: Operator, pixels: NDArray[np.float64]) -> NDArray[np.float64]:
    if form.activation == "Relu":
        return np.maximum(pixels, 0)
    if form.activation == "PRelu":
        return np.where(pixels > 0, pixels, SLOPE * pixels)
    return np.clip(pixels, LOW, HIGH) if form.activation == "Clip" else pixels


def _run(layer: Layer, problem: Problem, isa: str, told: int | None = None) -> NDArray[np.float32]:
    """Return the kernel's result as NCHW; `told` replaces y's frequencies in the node."""
    (input_block, output_block), form = layer.blocks, layer.form
    band = layer.result_band if told is None else told
    layouts = {
        "x": layout_for(layer.x[1], input_block, layer.bands[0]),
        "residual": layout_for(layer.outputs, output_block, layer.bands[1]),
        "y": layout_for(layer.outputs, output_block, band, layer.is_compact),
    }
    feeds = {"x": laid(problem.x, input_block, layouts["x"])}
    names = ["x", "weight", "bias"]
    if form.has("residual"):
        feeds["residual"] = laid(problem.residual, output_block, layouts["residual"])
        names.append("residual")
    names += {"PRelu": ["slope"], "Clip": ["low", "high"]}.get(form.activation, [])
    # Only function bodies use the transforms.
    if layer.is_pointwise:
        names += ["unused"] * (4 if form.activation else 1)
    else:
        names += ["unused"] * (6 if form.activation and form.has("residual") else 4)
    attributes: dict[str, Any] = {"group": layer.group, "block": input_block}
    if not layer.is_pointwise:
        blocks = {"input_block": input_block, "output_block": output_block}
        attributes = {**_window(layer), **blocks, "method": layer.method}
    constants = {
        "weight": problem.weight,
        "bias": problem.bias,
        "slope": np.full((layer.outputs, 1, 1), SLOPE),
        "low": np.asarray(LOW),
        "high": np.asarray(HIGH),
        "unused": np.zeros(1),
    }
    if form.truncates:
        names.append("band")
        attributes["frequencies"] = layer.bands[2]
        constants["band"] = band_map(*layer.size, output_block, layer.bands[2])
    for name, (group, frequencies) in layouts.items():
        if name in (*feeds, "y"):
            attributes |= {f"{name}_group": group, f"{name}_frequencies": frequencies}
    result = run_node(form.name, names, attributes, feeds, constants, isa)
    if layouts["y"][0] == 1:
        return result
    count = layouts["y"][1] or full(output_block)
    return from_compacted(result, block=output_block, frequencies=count)


def test_layers_have_every_form_and_number() -> None:
    forms_ = {form.name for form in convolutions("JpegConv", "JpegPointwiseConv")}
    assert {layer.form.name for layer in LAYERS} == forms_
    for block in (8, 4, 2):
        found = [layer for layer in LAYERS if layer.blocks[0] == block and layer.form.truncates]
        for index in range(3):
            bands = {layer.bands[index] for layer in found if layer.blocks[1] == block}
            assert bands == set(range(1, full(block) + 1))
    assert {layer.x[0] for layer in LAYERS} == {1, 2, 3, 4, 5}


@pytest.mark.parametrize(
    "cases", gathered(product(LAYERS, ISAS), lambda case: case[0].form.name, quick=5)
)
def test_convolutions(cases: list[tuple[Layer, str]]) -> None:
    def check(case: tuple[Layer, str]) -> None:
        layer, isa = case
        problem = _problem(layer)
        result = _run(layer, problem, isa)
        assert np.abs(result - problem.expected).max() <= problem.bound

    check_each(cases, check, lambda case: f"{case[0]}-{case[1]}")


@pytest.mark.parametrize("form", ["JpegPointwiseConvAddReluTruncate", "JpegConvReluTruncate"])
def test_faults_are_seen(form: str) -> None:
    """The check detects a wrong weight, a wrong residual band and a wrong result band."""
    layer = next(a for a in LAYERS if a.form.name == form and min(a.bands) > 3 and a.is_compact)
    problem = _problem(layer)
    weight = problem.weight.copy()
    weight[0, 0, 0, 0] += 1.0
    wrong = [_run(layer, replace(problem, weight=weight), "avx2")]
    for index in range(3):
        if index == 1 and not layer.form.has("residual"):
            continue
        bands = [band - (place == index) for place, band in enumerate(layer.bands)]
        fewer = replace(layer, bands=(bands[0], bands[1], bands[2]))
        wrong.append(_run(fewer, problem, "avx2"))
    for result in wrong:
        assert np.abs(result - problem.expected).max() > problem.bound


def _layer(
    bands: tuple[int, int, int],
    has_residual: bool = False,
    of: str = "",
    truncated: bool = True,
) -> Layer:
    form = OPERATORS[fused_name("JpegPointwiseConv", has_residual, of, truncated)]
    return Layer(form, (1, 16, 8, 8), 16, 1, bands)


@pytest.mark.parametrize(
    ("layer", "told", "message"),
    [
        (
            _layer((5, 5, 5), of="Relu"),
            4,
            "y stores 4 frequencies of each tile, but 5 are computed",
        ),
        (
            _layer((5, 5, 15), of="Relu", truncated=False),
            14,
            "y stores 14 frequencies of each tile, but 15 are computed",
        ),
        (
            _layer((5, 9, 1), has_residual=True, truncated=False),
            8,
            "y stores 8 frequencies of each tile, but 9 are computed",
        ),
        (
            _layer((5, 5, 5), of="Relu"),
            -1,
            "cannot store only -1 frequencies of tiles of 8x8",
        ),
    ],
)
def test_what_does_not_fit_is_refused(layer: Layer, told: int, message: str) -> None:
    with pytest.raises(NativeError, match=r"JpegPointwiseConv.* 'node': ") as error:
        _run(layer, _problem(layer), "avx2", told)
    assert message in str(error.value)
