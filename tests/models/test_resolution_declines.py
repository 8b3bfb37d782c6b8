"""Networks that work at their training size only, and how they are declined."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from support.codes import refused
from support.graphs import Graph
from support.resolutions import TO_16, TO_MAPS_16, W, built, resized

from jpegcompile.errors import UnsupportedModelError

# Compute a number from the image.
COMPUTED = (
    "m = ReduceMax <keepdims = 0> (x)  i = Cast <to = 7> (m)"
    "  one = Constant <value_ints = [1]> ()  e = Reshape(i, one)  "
)
# Networks for the training size alone, and the code of the decline at 24x24.
FIXED_HEADS: dict[str, tuple[str, Mapping[str, Any], str]] = {
    "fully connected": (
        TO_16 + "f = Flatten(h)  y = MatMul(f, v) }",
        {"v": (1024, 5)},
        "resolution-product-by-position",
    ),
    "embedding of positions": (
        TO_MAPS_16 + "y = Add(h, v) }",
        {"v": (1, 4, 16, 16)},
        "resolution-constant-by-position",
    ),
    "rows and columns as channels": (
        TO_MAPS_16 + "t = Transpose <perm = [0,2,1,3]> (h)  y = Conv(t, v) }",
        {"v": (4, 16, 1, 1)},
        "resolution-channels-by-position",
    ),
    "kernel over the whole map": (
        TO_MAPS_16 + "y = Conv(h, v) }",
        {"v": (4, 4, 16, 16)},
        "resolution-kernel-covers-map",
    ),
    "maps of a fixed size": (
        TO_MAPS_16 + "y = ConvTranspose <strides = [2,2], output_shape = [32,32]> (h, v) }",
        {"v": (4, 4, 2, 2)},
        "resolution-output-shape-fixed",
    ),
    "sum of pixels": (
        TO_16 + "a = Constant <value_ints = [2,3]> ()  y = ReduceSum <keepdims = 0> (h, a) }",
        {},
        "resolution-sum-grows",
    ),
    "part of the map": (
        TO_MAPS_16 + "y = Slice(h, first, last, axes) }",
        {"first": np.array([2]), "last": np.array([10]), "axes": np.array([2])},
        "resolution-slice-fixed",
    ),
    "halves": (
        TO_MAPS_16 + "y, z = Split <axis = 2> (h) }",
        {},
        "resolution-selects-by-position",
    ),
    "rows that are joined with others, and split elsewhere": (
        TO_MAPS_16 + "a = Concat <axis = 2> (h, h)  y, z = Split <axis = 2> (a, sizes) }",
        {"sizes": np.array([8, 24])},
        "resolution-selects-by-position",
    ),
    "a gate spread over one side alone": (
        TO_MAPS_16 + "p = GlobalAveragePool(h)  e = Expand(p, s)  y = Mul(h, e) }",
        {"s": np.array([1, 4, 1, 16])},
        "resolution-shapes-contradict",
    ),
    "norm with a weight for each pixel": (
        TO_MAPS_16 + "y = LayerNormalization <axis = 2> (h, v) }",
        {"v": (16, 16)},
        "resolution-weights-by-position",
    ),
    "best places": (
        TO_MAPS_16 + "k = Constant <value_ints = [3]> ()  y, i = TopK <axis = 2> (h, k) }",
        {},
        "resolution-operator-unknown",
    ),
    "two equal factors": (
        TO_16 + "s = Constant <value_ints = [0,4,4,4,16]> ()  f = Reshape(h, s)"
        "  y = ReduceMax <axes = [1,2,3], keepdims = 0> (f) }",
        {},
        "resolution-reshape-ambiguous",
    ),
    "a size that follows from no map": (
        TO_MAPS_16 + "y = Resize(h, , , to) }",
        {"to": np.array([2, 4, 21, 21])},
        "resolution-map-unknown",
    ),
    "a dilated window": (
        TO_16 + "p = MaxPool <kernel_shape = [9,9], dilations = [2,2], pads = [0,0,1,1]> (h)"
        "  f = Flatten(p)  y = MatMul(f, v) }",
        {"v": (4, 5)},
        "resolution-product-by-position",
    ),
    "a size for a number of images": (
        TO_MAPS_16 + "u = Resize(h, , , to)  y = Add(h, u) }",
        {"to": np.array([2, 4, 16, 16])},
        "resolution-original-invalid",
    ),
    "rows that are resized": (
        TO_16 + "s = Constant <value_ints = [0,4,256]> ()  f = Reshape(h, s)"
        "  r = Resize(f, , , to)  y = ReduceMax <axes = [2], keepdims = 0> (r) }",
        {"to": np.array([2, 4, 64])},
        "resolution-resize-not-map",
    ),
    "a cut at a computed place": (
        TO_MAPS_16 + COMPUTED + "y = Slice(h, first, e, axes) }",
        {"first": np.array([0]), "axes": np.array([2])},
        "resolution-slice-unknown",
    ),
    "a sum over computed axes": (
        TO_MAPS_16 + COMPUTED + "y = ReduceSum(h, e) }",
        {},
        "resolution-axes-unknown",
    ),
    "a map of a computed size": (
        TO_MAPS_16 + COMPUTED + "s = Concat <axis = 0> (e, e, e, e)"
        "  u = Resize(h, , , s)  y = Relu(u) }",
        {},
        "resolution-shape-unknown",
    ),
    "two maps of one size": (
        TO_MAPS_16 + "a = AveragePool <kernel_shape = [9,9]> (h)"
        "  b = MaxPool <kernel_shape = [2,2], strides = [2,2]> (h)"
        "  g = GlobalAveragePool(b)  d = Resize(g, , , to)  c = ReduceMax(a)  y = Add(d, c) }",
        {"to": np.array([2, 4, 8, 8])},
        "resolution-maps-differ",
    ),
}


@pytest.mark.parametrize("case", FIXED_HEADS)
def test_what_is_declined(case: str) -> None:
    text, weights, code = FIXED_HEADS[case]
    with refused(code, UnsupportedModelError) as caught:
        resized(built(text, weights), (24, 24))
    assert "16x16" in str(caught.value)


def test_declines_name_the_node_and_its_numbers() -> None:
    text, weights, _ = FIXED_HEADS["fully connected"]
    with refused("resolution-product-by-position") as caught:
        resized(built(text, weights), (24, 24))
    for part in ("'y' (MatMul)", "1024", "2304"):
        assert part in str(caught.value)
    text, weights, _ = FIXED_HEADS["two equal factors"]
    with refused("resolution-reshape-ambiguous") as caught:
        resized(built(text, weights), (24, 24))
    assert "[N, 4, 16, 16]" in str(caught.value)
    assert "[N, 4, 4, 4, 16]" in str(caught.value)


def test_a_map_that_is_too_small() -> None:
    model = Graph(TO_MAPS_16 + "y = Conv(h, v) }", {**W, "v": (4, 4, 9, 9)}).model("float")
    assert resized(model, (9, 9)).taken.size == (9, 9)
    with refused("resolution-too-small", UnsupportedModelError) as caught:
        resized(model, (8, 8))
    assert "'y' (Conv)" in str(caught.value)
    pool = Graph(TO_MAPS_16 + "y = MaxPool <kernel_shape = [12,12]> (h) }", W).model("float")
    with refused("resolution-too-small", UnsupportedModelError):
        resized(pool, (8, 8))
