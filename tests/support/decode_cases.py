"""JpegDecode by itself: models of the one operator, and what it must make of a file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper
from support.native import library

from jpegcompile.interface import DOMAIN, DOMAIN_VERSION, IR_VERSION
from jpegcompile.jpeg.coefficients import Coefficients
from jpegcompile.operators.ingest import DECODE, DECODE_GRAY
from jpegcompile.runtime.native import register
from jpegcompile.target.base import CPU_PROVIDERS

Array = NDArray[Any]

OUTPUTS = {
    DECODE: {"luma": TensorProto.INT16, "chroma": TensorProto.INT16, "tables": TensorProto.UINT16},
    DECODE_GRAY: {"luma": TensorProto.INT16, "tables": TensorProto.UINT16},
}


def said(op: str, run: Callable[[], object]) -> str:
    """What stands behind the node's name in the one line that ONNX Runtime raises."""
    with pytest.raises(Exception, match=f"{op} 'node': ") as caught:
        run()
    message = str(caught.value)
    assert message.isprintable()
    return message.partition(f"{op} 'node': ")[2]


def decode_session(op: str, rank: int = 1, **attributes: Any) -> ort.InferenceSession:
    """A session of one node called `node`; its input is uint8 of some rank."""
    outputs = OUTPUTS[op]
    node = helper.make_node(op, ["jpeg"], list(outputs), "node", domain=DOMAIN, **attributes)
    graph = helper.make_graph(
        [node],
        "decode",
        [helper.make_tensor_value_info("jpeg", TensorProto.UINT8, [None] * rank)],
        [helper.make_tensor_value_info(name, kind, None) for name, kind in outputs.items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(DOMAIN, DOMAIN_VERSION)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)
    options = ort.SessionOptions()
    options.log_severity_level = 4
    # Each tensor has memory of its own, so that a sanitizer sees its ends.
    options.enable_cpu_mem_arena = False
    register(options, library(), model)
    return ort.InferenceSession(model.SerializeToString(), options, providers=list(CPU_PROVIDERS))


def decoded(session: ort.InferenceSession, file: bytes) -> list[Array]:
    """What the operator gives for a file."""
    outputs: list[Array] = session.run(None, {"jpeg": np.frombuffer(file, np.uint8)})
    return outputs


def session_for(file: Coefficients, subsampling: str) -> ort.InferenceSession:
    """A session that takes files of that size and sampling."""
    size = {"height": file.height, "width": file.width}
    if subsampling == "gray":
        return decode_session(DECODE_GRAY, **size)
    return decode_session(DECODE, **size, subsampling=subsampling)


def planes_of(file: Coefficients, *, has_chroma: bool = True) -> list[Array]:
    """The outputs that there must be for a file: its own integers, with a batch of one."""
    luma = file.planes[0][None, None]
    if not has_chroma:
        return [luma, file.quantization[None, :1]]
    return [luma, np.stack(file.planes[1:])[None], file.quantization[None]]


def assert_same(actual: list[Array], expected: list[Array]) -> None:
    """Equal to the bit, in type and in shape."""
    assert len(actual) == len(expected)
    for values, wanted in zip(actual, expected, strict=True):
        assert values.dtype == wanted.dtype
        np.testing.assert_array_equal(values, wanted, strict=True)
