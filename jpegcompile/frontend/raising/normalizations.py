"""Raise normalizations.

JpegBatchNormalization(x, scale, shift)
    =>  BatchNormalization(x, scale, shift, 0, 1)          without constants: x * scale + shift
JpegGroupNormalization(x, scale, shift, epsilon)
    =>  Reshape(InstanceNormalization(Reshape(x))) * scale + shift, as PyTorch exports it
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx

from jpegcompile.frontend.raising.form import is_of_channels
from jpegcompile.frontend.raising.state import State
from jpegcompile.frontend.walk import quoted
from jpegcompile.messages import Message


def raise_group_normalization(
    state: State,
    node: onnx.NodeProto,
    given: dict[str, str],
    inputs: dict[str, str],
    attributes: dict[str, Any],
    target: str,
) -> str:
    """Append the normalization of pixels; return its output, `target`.

    Args:
        state: the graphs.
        node: the node.
        given: tensors of the old graph by operand name.
        inputs: tensors of the new graph by operand name.
        attributes: attributes of the node.
        target: name for the output.

    Raises:
        UnsupportedModelError: if epsilon or the shape of the groups is not a constant that fits.
    """
    epsilon = state.array(given["epsilon"])
    if epsilon is None or epsilon.size != 1 or epsilon.dtype.kind != "f":
        raise state.refusal(
            node,
            Message(
                "own-epsilon-not-constant",
                f"has an epsilon {quoted(given['epsilon'])} that is not a constant number, as a"
                " standard normalization requires",
            ),
        )
    groups, x = int(attributes["groups"]), inputs["x"]
    to_rows = state.array(given["to_rows"])
    if to_rows is None or to_rows.shape != (4,) or to_rows[1] != groups:
        raise state.refusal(
            node,
            Message(
                "own-groups-differ",
                f"has the shape {quoted(given['to_rows'])} that is not a constant with its"
                f" {groups} groups; see docs/operators.md",
            ),
        )
    kind = epsilon.dtype
    name = node.name
    rows = state.constant(f"{target}.rows", np.asarray([0, groups, -1]))
    ones = state.constant(f"{target}.ones", np.ones(groups, kind))
    zeros = state.constant(f"{target}.zeros", np.zeros(groups, kind))
    grouped = state.add("Reshape", [x, rows], state.names.fresh(f"{target}.grouped"))
    normal = state.add(
        "InstanceNormalization",
        [grouped, ones, zeros],
        state.names.fresh(f"{target}.normalized"),
        epsilon=float(epsilon.reshape(-1)[0]),
    )
    shape = state.add("Shape", [x], state.names.fresh(f"{target}.shape"))
    whole = state.add("Reshape", [normal, shape], state.names.fresh(f"{target}.whole"))
    scaled = state.add("Mul", [whole, inputs["scale"]], state.names.fresh(f"{target}.scaled"))
    return state.add("Add", [scaled, inputs["shift"]], target, name)


def raise_batch_normalization(
    state: State, node: onnx.NodeProto, given: dict[str, str], inputs: dict[str, str], target: str
) -> str:
    """Append the normalization of pixels; return its output, `target`."""
    vectors = [state.array(given[name]) for name in ("scale", "shift")]
    weights = [v.reshape(-1) for v in vectors if v is not None and is_of_channels(v.shape)]
    if len(weights) < 2 or len({len(w) for w in weights}) > 1 or len(weights[0]) < 2:
        scaled = state.add("Mul", [inputs["x"], inputs["scale"]])
        return state.add("Add", [scaled, inputs["shift"]], target, node.name)
    none, one = np.zeros_like(weights[0]), np.ones_like(weights[0])
    named = zip(("scale", "shift", "mean", "variance"), (*weights, none, one), strict=True)
    parameters = [state.constant(f"{target}.{name}", values) for name, values in named]
    return state.add(
        "BatchNormalization", [inputs["x"], *parameters], target, node.name, epsilon=0.0
    )
