"""What `verify` measures of an input does not depend on the batch that the input is in."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from numpy.typing import NDArray

from jpegcompile.evaluation.evidence import Evidence
from jpegcompile.evaluation.meter import Meter, Variant, verification
from jpegcompile.evaluation.moved import moved
from jpegcompile.evaluation.tolerance import Tolerance
from jpegcompile.evaluation.verification import judged

Array = NDArray[Any]

# The rank of the maps is unknown behind the first Reshape.
_UNKNOWN_RANKS = """<ir_version: 8, opset_import: ["": {opset}]>
g (float[N,3,16,16] x, int64[K] s) => (float[A,B] y) {{
    w = Constant<value = float[3,3,1,1] {{1.0, 2.0, 3.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0}}>()
    c = Conv(x, w)  r = Reshape(c, s)  m = ReduceMean<axes = [1], keepdims = 0>(r)
    f = Flatten(m)  y = Mul(f, f)
}}"""


@pytest.mark.parametrize("opset", [9, 13])
def test_moved_sums_of_unknown_rank(opset: int) -> None:
    model = onnx.parser.parse_model(_UNKNOWN_RANKS.format(opset=opset))
    images = np.random.default_rng(0).standard_normal((4, 3, 16, 16)).astype(np.float32)

    def outputs(changed: onnx.ModelProto, batch: Array) -> Array:
        session = ort.InferenceSession(changed.SerializeToString())
        shape = np.array([len(batch), 3, 256])
        return np.asarray(session.run(None, {"x": batch, "s": shape})[0])

    other = moved(model, "x", 8.0)
    whole = outputs(other, images)
    assert np.array_equal(
        whole, np.concatenate([outputs(other, images[i : i + 1]) for i in range(4)])
    )
    assert not np.array_equal(whole, outputs(model, images))


def metered(maps: Array, actual: Array, batches: Sequence[slice]) -> Meter:
    """Measure maps in batches; the original's rounding error is a millionth."""
    meter = Meter(Tolerance())
    for part in batches:
        expected = maps[part]
        variants = [Variant({"y": expected * (1 + 1e-6)}, 8.0)]
        given = {"y": actual[part]}, {"y": expected}
        meter.outputs(["y"], *given, None, variants, inputs=len(expected))
    return meter


@pytest.mark.parametrize("side", [4, 7])
def test_small_maps_are_judged_by_channel(side: int) -> None:
    """A fault in a channel of small values, where no input alone has enough values to tell."""
    shape = (8, 6, side, side)
    maps = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    maps[:, 2] *= 1e-3
    right, wrong = maps * np.float32(1 + 1e-6), maps.copy()
    wrong[5, 2, 1, 1] += 1e-6
    one_by_one = [slice(i, i + 1) for i in range(8)]
    for batches in ([slice(0, 8)], [slice(0, 5), slice(5, 8)], one_by_one):
        assert verification(metered(maps, right, batches)).passed
        failed = verification(metered(maps, wrong, batches))
        assert [output.component for output in failed.outputs] == [2]
        assert not failed.passed
    # The same from parts, none of which has enough values to judge a channel separately.
    parts = [metered(maps, wrong, [part]).evidence() for part in one_by_one]
    if side == 7:
        assert all(judged(part, inputs=1).outputs[0].component is None for part in parts)
    assert judged(reduce(Evidence.merge, parts), inputs=8).outputs == failed.outputs
