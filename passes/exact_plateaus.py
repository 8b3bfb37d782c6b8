"""Give spatial operators the exact plateau of a rectifier.

f(ToSpatial(JpegRelu(x)))             =>  f(Relu(ToSpatial(x)))
f(ToSpatial(JpegClip(x, low, high)))  =>  f(Clip(ToSpatial(x), low, high))

for an f that is kept spatial and has a step or a pole: Sqrt, Pow, Log, Greater, Floor, ... Through
the transform and back the zeros of a ReLU come out as +-1e-8, of which Sqrt makes NaN and Greater a
wrong answer. Exact; it saves two transforms where nobody else reads the rectifier.
"""

from __future__ import annotations

from dataclasses import replace

import onnx_graphsurgeon as gs

from jpegcompile.ir.domain import TO_JPEG, TO_SPATIAL
from jpegcompile.ir.graph import is_graph_output, label
from jpegcompile.ir.module import Module
from jpegcompile.ir.rewrite import Pass

_UNFORGIVING = frozenset(
    (
        *("Ceil", "Div", "Equal", "Floor", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"),
        *("Log", "Mod", "Pow", "Reciprocal", "Round", "Sign", "Sqrt"),
    )
)
_RECTIFIERS = {"JpegRelu": "Relu", "JpegClip": "Clip"}
# Clip takes its bounds as inputs from this opset on.
_CLIP_WITH_INPUTS = 11


class ExactPlateaus(Pass):
    """Works behind the cancellation of casts: what is spatial then stays so."""

    name = "exact-plateaus"

    def run(self, module: Module) -> bool:
        """Returns whether an operator reads another tensor now."""
        changed = False
        for cast in list(module.graph.nodes):
            if cast.op != TO_SPATIAL or not cast.inputs[0].inputs:
                continue
            rectifier = cast.inputs[0].inputs[0]
            readers = [r for r in cast.outputs[0].outputs if r.op in _UNFORGIVING]
            if rectifier.op in _RECTIFIERS and readers:
                _rectify(cast, rectifier, readers, module)
                changed = True
        if changed:
            module.graph.cleanup().toposort()
            module.report.casts = sum(n.op in (TO_JPEG, TO_SPATIAL) for n in module.graph.nodes)
        return changed


def _rectify(cast: gs.Node, rectifier: gs.Node, readers: list[gs.Node], module: Module) -> None:
    before = _spatial(rectifier.inputs[0], cast, module)
    after = cast.outputs[0]
    exact = gs.Variable(module.fresh(f"{after.name}.exact"), after.dtype, after.shape)
    module.maps[exact.name] = module.block(after)
    name = module.fresh(f"{rectifier.name}.spatial")
    node = gs.Node(_RECTIFIERS[rectifier.op], name, {}, [before], [exact])
    if node.op == "Clip":
        low, high = rectifier.inputs[1:3]
        if module.graph.opset < _CLIP_WITH_INPUTS:
            node.attrs = {"min": float(low.values), "max": float(high.values)}
        else:
            node.inputs = [before, low, high]
    module.graph.nodes.append(node)
    for reader in readers:
        reader.inputs = [exact if t is after else t for t in reader.inputs]
    others = [reader for reader in rectifier.outputs[0].outputs if reader is not cast]
    if not (others or after.outputs or is_graph_output(module.graph, after)):
        reason = f"{label(readers[0])}, which has a step or a pole, reads it"
        lowered = module.report.node(rectifier.name)
        module.report.add(replace(lowered, status="kept", reason=reason, transform_multiply_adds=0))


def _spatial(jpeg: gs.Tensor, like: gs.Node, module: Module) -> gs.Tensor:
    """What a jpeg-domain tensor is the transform of, by a cast if there is no such tensor yet."""
    if jpeg.inputs and jpeg.inputs[0].op == TO_JPEG:
        return jpeg.inputs[0].inputs[0]
    for reader in jpeg.outputs:
        if reader.op == TO_SPATIAL:
            return reader.outputs[0]
    name = module.fresh(f"{jpeg.name}.spatial")
    result = gs.Variable(name, jpeg.dtype, jpeg.shape)
    inputs = [jpeg, *like.inputs[1:]]
    module.graph.nodes.append(
        gs.Node(TO_SPATIAL, f"{name}.cast", dict(like.attrs), inputs, [result], like.domain)
    )
    return result
