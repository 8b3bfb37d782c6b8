"""Run an ingest with the convolution that reads its image by its native kernel."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper
from support.function_bodies import BodyCase
from support.native import GROUP, run_native, unpacked
from support.native_cases import allowed

from jpegcompile.interface import DOMAIN, DOMAIN_VERSION
from jpegcompile.kernels.truncate.reference import from_compacted
from jpegcompile.operators.compact import Y_FREQUENCIES
from jpegcompile.operators.fused import SPARSE_VECTORS
from jpegcompile.operators.groups import Y_GROUP

# More vectors than any image of these tests asks for.
MANY = 10**9


def model_of(
    case: BodyCase, method: str, y_group: int, most: int = 0, places: int = 0
) -> tuple[bytes, dict[str, Any]]:
    """A node of which all but the coefficients and tables are constants; and these.

    Args:
        case: in float32.
        method: the attribute.
        y_group: the attribute.
        most: up to how many vectors of sums it goes by coefficients, without a method.
        places: frequencies that tiles of the result have places for; 0 is all.
    """
    fed = 2 if "Gray" in case.op else 3
    names = [f"i{index}" for index in range(len(case.operands))]
    attributes = {**case.attributes, "method": method, Y_GROUP: y_group, SPARSE_VECTORS: most}
    attributes |= {Y_FREQUENCIES: places} if places else {}
    node = helper.make_node(case.op, names, ["y"], name="node", domain=DOMAIN, **attributes)
    feeds = dict(zip(names[:fed], case.operands[:fed], strict=True))
    graph = helper.make_graph(
        [node],
        "first",
        [
            helper.make_tensor_value_info(
                name, helper.np_dtype_to_tensor_dtype(array.dtype), [None] * array.ndim
            )
            for name, array in feeds.items()
        ],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [None] * 4)],
        [
            numpy_helper.from_array(np.asarray(array), name)
            for name, array in zip(names[fed:], case.operands[fed:], strict=True)
        ],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(DOMAIN, DOMAIN_VERSION)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    return bytes(model.SerializeToString()), feeds


def run(
    case: BodyCase,
    method: str,
    isa: str,
    y_group: int = 1,
    threads: int = 2,
    most: int = 0,
    places: int = 0,
) -> Any:
    """What the kernel makes of a case by a method, as NCHW; see `model_of`."""
    model, feeds = model_of(case.in_float32(), method, y_group, most, places)
    result = run_native(model, [feeds], isa, threads)[0]
    if places:
        return from_compacted(result, block=case.attributes["output_block"], frequencies=places)
    return unpacked(result) if y_group == GROUP else result


def assert_holds(case: BodyCase, actual: Any) -> None:
    """A result is what is expected, within rounding."""
    assert actual.shape == case.expected.shape
    excess = np.abs(actual - case.expected) - allowed(case)
    assert excess.max() <= 0, f"{case} is off by {excess.max():g}"
