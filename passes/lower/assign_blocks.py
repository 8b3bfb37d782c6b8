"""Decide which tensors the jpeg domain is for, and at which block size.

With every domain asked to be jpeg this is every feature map of known height and width: its block
size is the largest of 8, 4, 2, 1 that divides both. With the choice left to the compiler it is 1,
the spatial domain, for all of them: only the image comes as coefficients. Maps that
`channels_first.py` could not turn are none of them: their last two axes are no height and width.
The casts are exact, so no choice made here can change an answer; it only decides where the work is
done.
"""

from __future__ import annotations

import numpy as np
import onnx_graphsurgeon as gs

from jpegcompile.analysis.batch import BY_IMAGE
from jpegcompile.analysis.infinite import infinite_tensors
from jpegcompile.dct.blocks import block_size
from jpegcompile.ir.graph import is_float, is_graph_output, static_dims
from jpegcompile.ir.image import TO_CHANNELS_LAST
from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Pass

_REARRANGE = ("Reshape", "Softmax", "Transpose")


class AssignBlocks(Pass):
    """Fill `Module.maps`, and remember the order of nodes for the report."""

    name = "assign-blocks"

    def run(self, module: Module) -> bool:
        """Returns whether an assignment changed."""
        if module.maps:
            return False
        module.channels_last = _channels_last(module.graph)
        options = module.options
        # Where layouts are chosen later, each map may stay in the JPEG domain.
        is_spatial = options.domain == "auto" and not options.target.chooses_layouts
        module.vectors = _vectors(module.graph)
        module.infinite = infinite_tensors(module.graph)
        module.maps = {
            name: 1 if is_spatial else block_size(*map(int, tensor.shape[2:]))
            for name, tensor in module.graph.tensors().items()
            if isinstance(tensor, gs.Variable)
            and name not in module.channels_last
            and name not in module.vectors
            and _is_feature_map(tensor)
        }
        # Pixels that a transform would spread over their tiles stay pixels.
        for name in module.infinite & module.maps.keys():
            if module.maps[name] > 1:
                del module.maps[name]
        module.report.domain = "auto" if is_spatial else "jpeg"
        module.report.order = [node.name for node in module.graph.nodes]
        return bool(module.maps)


def _vectors(graph: gs.Graph) -> frozenset[str]:
    """Tensors of rank 4 between reshapes of vectors to vectors: they have no height and width.

    The softmax over branches of split attention works on such.
    """
    found: set[str] = set()
    for node in reversed(graph.nodes):
        if node.op not in _REARRANGE or is_graph_output(graph, node.outputs[0]):
            continue
        target = node.outputs[0]
        readers = target.outputs
        if len(target.shape or ()) == 4 and all(_ends_in_vectors(r, found) for r in readers):
            found.add(target.name)
    made: set[str] = set()
    for node in graph.nodes:
        target = node.outputs[0]
        if target.name not in found:
            continue
        source = node.inputs[0]
        if source.name in made or _is_vector(source):
            made.add(target.name)
    return frozenset(made)


def _ends_in_vectors(reader: gs.Node, found: set[str]) -> bool:
    target = reader.outputs[0]
    is_reshape = reader.op in ("Flatten", "Reshape", "Squeeze")
    return target.name in found or (is_reshape and _is_vector(target))


def _is_vector(tensor: gs.Tensor) -> bool:
    """Whether a tensor has one number for each channel, or other vectors."""
    shape = tuple(tensor.shape or ())
    return 2 <= len(shape) <= 3 or (len(shape) >= 4 and shape[-2:] == (1, 1))


def _is_feature_map(tensor: gs.Variable) -> bool:
    if tensor.shape is None or len(tensor.shape) != 4 or tensor.dtype is None:
        return False
    # In float16 are the ends of a network alone, and what `widen_half.py` cannot widen.
    is_wide = is_float(tensor) and tensor.dtype != np.float16
    return is_wide and static_dims(tensor.shape[1:]) is not None


def _channels_last(graph: gs.Graph) -> frozenset[str]:
    """Maps behind a transpose to channels-last, up to what moves axes or has channels second."""
    found: set[str] = set()
    for node in graph.nodes:
        if node.op == "Transpose":
            is_last = list(node.attrs.get("perm", ())) == TO_CHANNELS_LAST
        elif node.op == "Reshape" or node.op in BY_IMAGE:
            is_last = False
        else:
            is_last = any(t.name in found for t in node.inputs)
        if is_last:
            found.update(t.name for t in node.outputs if len(t.shape or ()) == 4)
    return frozenset(found)
