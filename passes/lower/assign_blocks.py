"""Assign a block size to every feature map that may enter the JPEG domain.

With `--domain jpeg`, the block size of a map of known height and width is the largest of 8, 4, 2
and 1 that divides both. With `--domain auto` it is 1, the spatial domain, and only the image is
stored as coefficients. Channels-last maps get no block size, since their last two axes are not
height and width.

The casts between the domains are exact. The assignment therefore affects speed, not outputs.
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
    """Fills `Module.maps`, and records the order of nodes for the report."""

    name = "assign-blocks"

    def run(self, module: Module) -> bool:
        """Assign block sizes; returns whether an assignment changed."""
        if module.maps:
            return False
        module.channels_last = _channels_last(module.graph)
        options = module.options
        # If layouts are chosen later, each map may stay in the JPEG domain.
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
        # A transform would spread infinite and huge pixels over their tiles.
        for name in module.infinite & module.maps.keys():
            if module.maps[name] > 1:
                del module.maps[name]
        module.report.domain = "auto" if is_spatial else "jpeg"
        module.report.order = [node.name for node in module.graph.nodes]
        return bool(module.maps)


def _vectors(graph: gs.Graph) -> frozenset[str]:
    """Find tensors of rank 4 that are reshaped vectors, without height and width.

    The softmax over branches in split attention works on such tensors.
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
    """Whether a tensor consists of vectors, such as one number for each channel."""
    shape = tuple(tensor.shape or ())
    return 2 <= len(shape) <= 3 or (len(shape) >= 4 and shape[-2:] == (1, 1))


def _is_feature_map(tensor: gs.Variable) -> bool:
    if tensor.shape is None or len(tensor.shape) != 4 or tensor.dtype is None:
        return False
    # Only inputs, outputs, and tensors that `widen_half.py` cannot widen are float16 here.
    is_wide = is_float(tensor) and tensor.dtype != np.float16
    return is_wide and static_dims(tensor.shape[1:]) is not None


def _channels_last(graph: gs.Graph) -> frozenset[str]:
    """Names of maps downstream of a transpose to channels-last, up to a change of the layout."""
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
