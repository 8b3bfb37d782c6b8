"""Small graphs compiled by a frequency plan, and a network whose meaning the references compose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from support.graphs import (
    TENSOR,
    Array,
    Graph,
    Weights,
    assert_differs,
    assert_same,
    evaluate,
    feeds_of,
    outline_of,
    random_weight,
)

from jpegcompile.backends.emit import emit
from jpegcompile.dct.blocks import block_size, to_jpeg, to_spatial
from jpegcompile.dct.frequencies import resolve
from jpegcompile.frequency_plan import FrequencyPlan, frequency_plan
from jpegcompile.frontend.load import load_source
from jpegcompile.ir.module import CompileOptions, Module
from jpegcompile.kernels.clip.reference import jpeg_apx_clip, jpeg_asm_clip
from jpegcompile.kernels.conv.reference import jpeg_conv
from jpegcompile.kernels.max_pool.reference import jpeg_asm_max_pool
from jpegcompile.kernels.prelu.reference import jpeg_apx_prelu, jpeg_asm_prelu
from jpegcompile.kernels.relu.reference import jpeg_apx_relu, jpeg_asm_relu
from jpegcompile.kernels.truncate.reference import jpeg_truncate
from jpegcompile.lowering import lower
from jpegcompile.target.registry import TARGETS

# Every nonlinearity, at block sizes 8, 4 and 2; MaxPool gives positions from opset 8 on.
NETWORK = Graph(
    """(T[N,3,24,24] x) => (T[] y) {
        c1 = Conv<pads = [1, 1, 1, 1]>(x, w1, b1)  r1 = Relu(c1)
        p1 = MaxPool<kernel_shape = [3, 3], strides = [2, 2], pads = [1, 1, 1, 1]>(r1)
        c2 = Conv<pads = [1, 1, 1, 1]>(p1, w2)  r2 = PRelu(c2, s)
        c3 = Conv<pads = [1, 1, 1, 1]>(r2, w3)  r3 = LeakyRelu<alpha = 0.125>(c3)
        p3 = MaxPool<kernel_shape = [2, 2], strides = [2, 2]>(r3)
        y = Clip(p3, low, high) }""",
    {
        "w1": (4, 3, 3, 3),
        "b1": (4,),
        "w2": (4, 4, 3, 3),
        "s": (4, 1, 1),
        "w3": (5, 4, 3, 3),
        "low": np.asarray(0.0),
        "high": np.asarray(0.75),
    },
)
NODES = ("r1", "p1", "r2", "r3", "p3", "y")


def planned_options(target: str = "ort", **plan: Any) -> CompileOptions:
    """Options for a tensor as input; `plan` is of `frequency_plan`."""
    return replace(TENSOR, target=TARGETS[target], frequencies=frequency_plan(**plan))


def planned(graph: Graph, dtype: str = "double", target: str = "ort", **plan: Any) -> Module:
    """The graph behind the whole pipeline, by a frequency plan."""
    return lower(load_source(graph.model(dtype)), planned_options(target, **plan))


def nonlinear_outline(module: Module) -> str:
    """Operators of a graph in order, without casts."""
    return " ".join(op for op in outline_of(module).split() if not op.startswith("To"))


class References:
    """What a plan makes of `NETWORK`, composed of the references of its operators."""

    def __init__(self, plan: FrequencyPlan, weights: Weights) -> None:
        self._plan = plan
        self._weights = {
            name: w if isinstance(w, np.ndarray) else random_weight(name, w)
            for name, w in weights.items()
        }

    def __call__(self, x: Array) -> Array:
        w = self._weights
        maps = to_jpeg(x, 8)
        maps = self._conv(maps, w["w1"], w["b1"])
        maps = self._pointwise("r1", maps, jpeg_asm_relu, jpeg_apx_relu)
        maps = self._pool("p1", maps, kernel_shape=(3, 3), pads=(1, 1, 1, 1))
        maps = self._conv(maps, w["w2"])
        maps = self._pointwise("r2", maps, jpeg_asm_prelu, jpeg_apx_prelu, slope=w["s"])
        maps = self._conv(maps, w["w3"])
        alpha = np.asarray([0.125])
        maps = self._pointwise("r3", maps, jpeg_asm_prelu, jpeg_apx_prelu, slope=alpha)
        maps = self._pool("p3", maps, kernel_shape=(2, 2))
        low, high = (float(w[name]) for name in ("low", "high"))
        maps = self._pointwise("y", maps, jpeg_asm_clip, jpeg_apx_clip, low=low, high=high)
        return np.asarray(to_spatial(maps, 2))

    def _conv(self, maps: Array, weight: Array, bias: Array | None = None) -> Array:
        block = block_size(*maps.shape[2:])
        bias = np.zeros(len(weight)) if bias is None else bias
        result = jpeg_conv(
            maps, weight, bias, input_block=block, output_block=block, pads=(1, 1, 1, 1)
        )
        return np.asarray(result)

    def _pointwise(self, name: str, maps: Array, asm: Any, apx: Any, **parameters: Any) -> Array:
        block = block_size(*maps.shape[2:])
        count = resolve(self._plan.of(name).mask, block)
        function = {"asm": asm, "apx": apx}[self._plan.masking]
        return self._kept(name, function(maps, block=block, frequencies=count, **parameters))

    def _pool(self, name: str, maps: Array, **window: Any) -> Array:
        block = block_size(*maps.shape[2:])
        pooled = jpeg_asm_max_pool(
            maps,
            strides=(2, 2),
            input_block=block,
            output_block=block_size(*(side // 2 for side in maps.shape[2:])),
            frequencies=resolve(self._plan.of(name).mask, block),
            **window,
        )
        return self._kept(name, pooled)

    def _kept(self, name: str, maps: Array) -> Array:
        block = block_size(*maps.shape[2:])
        count = resolve(self._plan.of(name).keep, block)
        return np.asarray(jpeg_truncate(maps, block=block, frequencies=count))


def check_network(faulty: Sequence[FrequencyPlan] = (), **plan: Any) -> Module:
    """`NETWORK` by a plan gives what the references give in float64, and not what others give.

    The seed is fixed, and rounding in float64 is too small to move a pixel across a breakpoint.
    """
    feeds = feeds_of(NETWORK.model())
    module = planned(NETWORK, **plan)
    values = evaluate(emit(module), feeds)
    assert_same(values, [References(frequency_plan(**plan), NETWORK.weights)(feeds["x"])])
    for fault in faulty:
        assert_differs(values, [References(fault, NETWORK.weights)(feeds["x"])])
    perturbed = References(frequency_plan(**plan), NETWORK.perturbed("w2").weights)
    assert_differs(values, [perturbed(feeds["x"])])
    return module
