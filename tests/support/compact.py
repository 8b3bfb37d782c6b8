"""Compact maps, and nodes that read them."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from support.native import GROUP, run_native

from jpegcompile.dct.frequencies import full
from jpegcompile.interface import DOMAIN, DOMAIN_VERSION
from jpegcompile.kernels.truncate.reference import compacted


def layout_for(channels: int, block: int, band: int, is_compact: bool = True) -> tuple[int, int]:
    """Values of the attributes `..._group` and `..._frequencies` of a map."""
    if channels % GROUP:
        return 1, 0
    return GROUP, band if is_compact and block > 1 and band < full(block) else 0


def laid(x: NDArray[Any], block: int, layout: tuple[int, int]) -> Any:
    """Bytes of a map in this layout; coefficients that are not stored are NaN."""
    single = x.astype(np.float32)
    if layout[0] == 1:
        return single
    return compacted(single, block=block, frequencies=layout[1] or full(block))


def run_node(
    op: str,
    names: list[str],
    attributes: dict[str, Any],
    feeds: dict[str, Any],
    constants: dict[str, NDArray[Any]],
    isa: str = "avx2",
) -> NDArray[np.float32]:
    """Compute a jpegcompile node by its kernel.

    Args:
        op: the operator.
        names: of its inputs.
        attributes: of the node.
        feeds: maps that the model takes.
        constants: further inputs by name; unused ones are left out.
        isa: instruction set.

    Raises:
        NativeError: if the kernel refuses it.
    """
    node = helper.make_node(op, names, ["y"], name="node", domain=DOMAIN, **attributes)
    floats = onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        [node],
        "native",
        [helper.make_tensor_value_info(n, floats, v.shape) for n, v in feeds.items()],
        [helper.make_tensor_value_info("y", floats, [None] * 4)],
        [
            numpy_helper.from_array(v if v.dtype == np.int64 else v.astype(np.float32), n)
            for n, v in constants.items()
            if n in names
        ],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(DOMAIN, DOMAIN_VERSION)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    return run_native(bytes(model.SerializeToString()), [feeds], isa, threads=2)[0]
