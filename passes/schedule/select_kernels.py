"""Select the calls that compute a graph, for targets that launch kernels themselves.

JpegRelu(JpegConv(x, w, b))               one call of a convolution with a per-pixel function
JpegAsmRelu(JpegConv(x, w, b), n)         the same, with an approximated mask
JpegTruncate(y, n)                        part of the layout of y
operators without a kernel                operators of PyTorch, with the reason

The graph stays unchanged; `Module.calls` contains the calls.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import onnx_graphsurgeon as gs

from jpegcompile.analysis.kernels.select import call_of, frequencies_of
from jpegcompile.dct.frequencies import full
from jpegcompile.gpu.programs import NOTHING
from jpegcompile.ir.calls import Call, KernelCall
from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Pass
from jpegcompile.kernels.arithmetic.launch import Elementwise
from jpegcompile.kernels.conv.launch import Convolution
from jpegcompile.operators.queries import is_ingest


class SelectKernels(Pass):
    """Fills `Module.calls` and `Module.kept_frequencies`."""

    name = "select-kernels"

    def run(self, module: Module) -> bool:
        """Select calls; returns whether calls were selected."""
        if module.calls:
            return False
        calls: list[Call] = []
        for node in module.graph.nodes:
            operator = module.operator(node)
            if operator is not None and is_ingest(operator):
                continue
            calls += call_of(node, module)
            kept = frequencies_of(node, operator)
            if kept is not None and kept < full(module.current_block(node.outputs[0])):
                module.kept_frequencies[node.outputs[0].name] = kept
        module.calls = _fused(calls, module)
        return bool(module.calls)


def _fused(calls: list[Call], module: Module) -> list[Call]:
    """Fuse per-pixel functions and truncations into the preceding call, if it has one reader."""
    reads = Counter(_read(calls, module.graph))
    made_by: dict[str, int] = {}
    kept: list[Call | None] = list(calls)
    for index, call in enumerate(calls):
        if not isinstance(call, KernelCall):
            continue
        source = made_by.get(call.maps.get("x", ""))
        before = None if source is None else kept[source]
        joined = None
        if isinstance(before, KernelCall) and reads[before.result] == 1:
            joined = _joined(before, call, module)
        if joined is None or source is None:
            made_by[call.result] = index
            continue
        kept[source] = joined
        made_by[joined.result] = source
        kept[index] = None
        if before is not None and isinstance(before, KernelCall):
            module.kept_frequencies.pop(before.result, None)
    return [call for call in kept if call is not None]


def _read(calls: list[Call], graph: gs.Graph) -> list[str]:
    read = [tensor.name for tensor in graph.outputs]
    for call in calls:
        if isinstance(call, KernelCall):
            read += call.maps.values()
        else:
            read += [tensor.name for tensor in call.node.inputs]
    return read


def _joined(before: KernelCall, call: KernelCall, module: Module) -> KernelCall | None:
    """Return both calls as one; None if the kernel of the first call does not support it."""
    if call.kernel is not Elementwise or set(call.maps) != {"x"}:
        return None
    if module.current_block_of(before.result) != module.current_block_of(call.result):
        return None
    if before.result in module.kept_frequencies:
        return None
    program = call.arguments["program"]
    if not program.steps:
        return replace(before, operators=(*before.operators, *call.operators), result=call.result)
    if before.kernel is not Convolution or before.arguments.get("program", NOTHING).steps:
        return None
    if call.arguments.get("is_linear"):
        return None
    arguments: dict[str, Any] = {**before.arguments, **call.arguments}
    weights: Mapping[str, Any] = {**before.weights, **call.weights}
    return replace(
        before,
        name=call.name,
        operators=(*before.operators, *call.operators),
        arguments=arguments,
        result=call.result,
        weights=weights,
    )
