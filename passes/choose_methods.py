"""Choose how native kernels compute convolutions, by the cost model.

JpegConv(x, w, b)  =>  JpegConv<method = "winograd4">(x, w, b)          3x3, stride 1
JpegIngestConv(...)  =>  JpegIngestConv<sparse_vectors = 6000000>(...)  images choose
                         JpegIngestConv<method = "dense">(...)          where sparse never pays

Only for target ort, and for float32: there are no kernels for others, and function bodies ignore
the attribute. Every method is exact up to the rounding of float32. Where the model leaves the batch
open, kernels are chosen for one image.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx_graphsurgeon as gs

from jpegcompile.cost.first import FirstLayer, most_vectors
from jpegcompile.cost.model import Layer, fastest
from jpegcompile.interface import DOMAIN
from jpegcompile.ir.fused import (
    FIRST_CONVOLUTIONS,
    INGEST_INPUTS,
    METHOD,
    SPARSE_VECTORS,
    WINDOWED,
)
from jpegcompile.ir.module import Module, size_of
from jpegcompile.ir.rewrite import Pass
from jpegcompile.subsampling import chroma_factors

# Images of so few channels are convolved in another way, whatever a node says.
_FEW_CHANNELS = 4


class ChooseMethods(Pass):
    """Kernels obey the attribute; without it they go by a rule of thumb."""

    name = "choose-methods"

    def run(self, module: Module) -> bool:
        """Returns whether a choice changed."""
        if module.options.target != "ort":
            return False
        changed = False
        for node in module.graph.nodes:
            chosen = _first_choice(node, module) or _choice(node)
            if chosen is None:
                continue
            attributes, method = chosen
            changed |= any(node.attrs.get(name) != value for name, value in attributes.items())
            node.attrs.update(attributes)
            source = module.convolutions.get(node.name, node.name)
            if module.report.has(source):
                module.report.add(replace(module.report.node(source), method=method))
        return changed


# Attributes of a node, and what the report calls them.
_Choice = tuple[dict[str, str | int], str]


def _choice(node: gs.Node) -> _Choice | None:
    layer = _layer(node)
    if layer is None:
        return None
    method = fastest(layer)
    return {METHOD: method}, method


def _first_choice(node: gs.Node, module: Module) -> _Choice | None:
    """A bound of sparse images for the convolution of an ingest; dense where it would be low."""
    if node.domain != DOMAIN or node.op not in FIRST_CONVOLUTIONS:
        return None
    most = most_vectors(layer) if (layer := _first_layer(node, module)) is not None else 0
    if most == 0:
        return {METHOD: "dense"}, "dense"
    return {SPARSE_VECTORS: most}, "sparse or dense"


def _first_layer(node: gs.Node, module: Module) -> FirstLayer | None:
    """None for convolutions that are not in the cost model."""
    ingest, _ = FIRST_CONVOLUTIONS[node.op]
    filters = node.inputs[INGEST_INPUTS[ingest]].shape
    vertical, horizontal = node.attrs["strides"]
    if list(node.attrs["dilations"]) != [1, 1]:
        return None
    assert module.options.subsampling is not None
    return FirstLayer(
        module.image.height,
        module.image.width,
        int(filters[1]),
        int(filters[0]),
        (int(filters[2]), int(filters[3])),
        (int(vertical), int(horizontal)),
        *size_of(node.outputs[0]),
        chroma_factors(module.options.subsampling),
    )


def _layer(node: gs.Node) -> Layer | None:
    """What the model asks of a node; None where there is nothing to choose."""
    if node.domain != DOMAIN or node.op not in WINDOWED or node.outputs[0].dtype != np.float32:
        return None
    filters, made = node.inputs[1].shape, node.outputs[0].shape
    if filters is None or list(filters[2:]) != [3, 3] or node.attrs["group"] != 1:
        return None
    if list(node.attrs["strides"]) != [1, 1] or list(node.attrs["dilations"]) != [1, 1]:
        return None
    if filters[1] <= _FEW_CHANNELS:
        return None
    batch = made[0] if isinstance(made[0], int) else 1
    return Layer(int(filters[1]), int(filters[0]), int(made[2]), int(made[3]), max(batch, 1))
