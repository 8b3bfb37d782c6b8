"""Networks that depend on the size that they were trained at, and how they are declined."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from support.graphs import Graph
from support.resolutions import TO_16, TO_MAPS_16, W, built, resized

from jpegcompile.errors import UnsupportedModelError

# A number that depends on the image.
COMPUTED = (
    "m = ReduceMax <keepdims = 0> (x)  i = Cast <to = 7> (m)"
    "  one = Constant <value_ints = [1]> ()  e = Reshape(i, one)  "
)
# What is bound to the trained size, and why, at 24x24.
BOUND_HEADS: dict[str, tuple[str, Mapping[str, Any], str]] = {
    "fully connected": (
        TO_16 + "f = Flatten(h)  y = MatMul(f, v) }",
        {"v": (1024, 5)},
        "'y' (MatMul) is bound to an input of 16x16: has weights for 1024 inputs and would get"
        " 2304: it reads a map by position",
    ),
    "embedding of positions": (
        TO_MAPS_16 + "y = Add(h, v) }",
        {"v": (1, 4, 16, 16)},
        "its constant 'v' of shape [1, 4, 16, 16] has a value for each place of a map",
    ),
    "rows and columns as channels": (
        TO_MAPS_16 + "t = Transpose <perm = [0,2,1,3]> (h)  y = Conv(t, v) }",
        {"v": (4, 16, 1, 1)},
        "has weights for 16 channels and would get 24: they are places of a map",
    ),
    "kernel over the whole map": (
        TO_MAPS_16 + "y = Conv(h, v) }",
        {"v": (4, 4, 16, 16)},
        "its kernel covers the whole map, so its weights are by position",
    ),
    "maps of a fixed size": (
        TO_MAPS_16 + "y = ConvTranspose <strides = [2,2], output_shape = [32,32]> (h, v) }",
        {"v": (4, 4, 2, 2)},
        "makes maps of a fixed size (output_shape)",
    ),
    "sum of pixels": (
        TO_16 + "a = Constant <value_ints = [2,3]> ()  y = ReduceSum <keepdims = 0> (h, a) }",
        {},
        "its values grow with the number of pixels that it takes in",
    ),
    "part of the map": (
        TO_MAPS_16 + "y = Slice(h, first, last, axes) }",
        {"first": np.array([2]), "last": np.array([10]), "axes": np.array([2])},
        "cuts an axis of 16 at a fixed place",
    ),
    "halves": (
        TO_MAPS_16 + "y, z = Split <axis = 2> (h) }",
        {},
        "takes parts of an axis of 16 by their place",
    ),
    "rows that are joined with others, and split elsewhere": (
        TO_MAPS_16 + "a = Concat <axis = 2> (h, h)  y, z = Split <axis = 2> (a, sizes) }",
        {"sizes": np.array([8, 24])},
        "takes parts of an axis of 32 by their place",
    ),
    "a gate spread over one side alone": (
        TO_MAPS_16 + "p = GlobalAveragePool(h)  e = Expand(p, s)  y = Mul(h, e) }",
        {"s": np.array([1, 4, 1, 16])},
        "'y' (Mul) is bound to an input of 16x16",
    ),
    "norm with a weight for each pixel": (
        TO_MAPS_16 + "y = LayerNormalization <axis = 2> (h, v) }",
        {"v": (16, 16)},
        "has a weight for each place of a map",
    ),
    "best places": (
        TO_MAPS_16 + "k = Constant <value_ints = [3]> ()  y, i = TopK <axis = 2> (h, k) }",
        {},
        "'y' (TopK) is bound to an input of 16x16: nothing is known of how it follows the size of"
        " its operands",
    ),
    "two equal factors": (
        TO_16 + "s = Constant <value_ints = [0,4,4,4,16]> ()  f = Reshape(h, s)"
        "  y = ReduceMax <axes = [1,2,3], keepdims = 0> (f) }",
        {},
        "makes [N, 4, 4, 4, 16] of [N, 4, 16, 16], and which part follows the size of the image is"
        " not known",
    ),
    "a size that follows from no map": (
        TO_MAPS_16 + "y = Resize(h, , , to) }",
        {"to": np.array([2, 4, 21, 21])},
        "makes maps of [21, 21], and no other map says what becomes of them",
    ),
    "a dilated window": (
        TO_16 + "p = MaxPool <kernel_shape = [9,9], dilations = [2,2], pads = [0,0,1,1]> (h)"
        "  f = Flatten(p)  y = MatMul(f, v) }",
        {"v": (4, 5)},
        "'y' (MatMul) is bound to an input of 16x16",
    ),
    "a size for a number of images": (
        TO_MAPS_16 + "u = Resize(h, , , to)  y = Add(h, u) }",
        {"to": np.array([2, 4, 16, 16])},
        "'y' (Add) does not fit the size of the model itself, 16x16",
    ),
    "rows that are resized": (
        TO_16 + "s = Constant <value_ints = [0,4,256]> ()  f = Reshape(h, s)"
        "  r = Resize(f, , , to)  y = ReduceMax <axes = [2], keepdims = 0> (r) }",
        {"to": np.array([2, 4, 64])},
        "what it resizes is no map of four dimensions",
    ),
    "a cut at a computed place": (
        TO_MAPS_16 + COMPUTED + "y = Slice(h, first, e, axes) }",
        {"first": np.array([0]), "axes": np.array([2])},
        "where it cuts is not known",
    ),
    "a sum over computed axes": (
        TO_MAPS_16 + COMPUTED + "y = ReduceSum(h, e) }",
        {},
        "its axes are not known",
    ),
    "a map of a computed size": (
        TO_MAPS_16 + COMPUTED + "s = Concat <axis = 0> (e, e, e, e)"
        "  u = Resize(h, , , s)  y = Relu(u) }",
        {},
        "the shape of its operand 'u' is not known",
    ),
    "two maps of one size": (
        TO_MAPS_16 + "a = AveragePool <kernel_shape = [9,9]> (h)"
        "  b = MaxPool <kernel_shape = [2,2], strides = [2,2]> (h)"
        "  g = GlobalAveragePool(b)  d = Resize(g, , , to)  c = ReduceMax(a)  y = Add(d, c) }",
        {"to": np.array([2, 4, 8, 8])},
        "makes maps of [8, 8], which become several sizes",
    ),
}


@pytest.mark.parametrize("case", BOUND_HEADS)
def test_what_is_declined(case: str) -> None:
    text, weights, reason = BOUND_HEADS[case]
    with pytest.raises(UnsupportedModelError, match=re.escape(reason)):
        resized(built(text, weights), (24, 24))


TOO_SMALL = "its operand is too small at the size that is asked for"


def test_a_map_that_is_too_small() -> None:
    model = Graph(TO_MAPS_16 + "y = Conv(h, v) }", {**W, "v": (4, 4, 9, 9)}).model("float")
    assert resized(model, (9, 9)).taken.size == (9, 9)
    with pytest.raises(UnsupportedModelError, match=r"'y' \(Conv\) is bound to an input of 16x16"):
        resized(model, (8, 8))
    pool = Graph(TO_MAPS_16 + "y = MaxPool <kernel_shape = [12,12]> (h) }", W).model("float")
    with pytest.raises(UnsupportedModelError, match=TOO_SMALL):
        resized(pool, (8, 8))
