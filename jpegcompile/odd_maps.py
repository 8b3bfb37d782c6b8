"""Where maps have block size 1, since a side of them is odd, and which image would avoid it.

Which sizes do is found by trying: the graph is brought to its canonical form, without lowering, at
a few sizes near the present one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from jpegcompile.dct.blocks import block_size
from jpegcompile.errors import UnsupportedModelError, UsageError, one_line
from jpegcompile.frontend.graph import graph_at_size
from jpegcompile.frontend.load import Source
from jpegcompile.input_size import Size, size_text
from jpegcompile.ir.module import Module, size_of
from jpegcompile.ir.rewrite import Pass
from jpegcompile.report import NodeReport

# A network that halves its maps k times has even ones where the image is a multiple of 2^(k+1).
_MULTIPLES = (8, 16, 32, 64)
# What is tried is no further from the present size, and no more stretched, than by these factors.
_LARGER, _SMALLER, _STRETCH = 4.0, 0.5, 1.5
_SIZES_NAMED = 3
_LONGEST_REASON = 160
# How shape inference calls what it cannot tell: "unk__0", another number each time.
_NAMELESS = "unk__"


def note_odd_maps(module: Module, source: Source, steps: Sequence[Pass]) -> None:
    """Note in the report which maps of a lowered module have block size 1, and what to do.

    The model is compiled by now: where the advice cannot be found, the note says why.

    Args:
        module: behind the pipeline.
        source: the model that it was made from.
        steps: passes up to the one that assigns block sizes.
    """
    what = _what(module)
    if what is None:
        return
    try:
        advice = _advice(module, source, steps)
    except Exception as error:
        # The graph at other sizes went through no check, so a pass may fail in any way.
        reason = f"{type(error).__name__}: {one_line(error)}"[:_LONGEST_REASON]
        advice = f"whether another input would avoid it could not be tried ({reason})"
    module.report.note(f"{what}; {advice}")


def candidates(size: Size) -> list[Size]:
    """Sizes to try for another image: larger ones first, the nearest of them in front."""
    larger = {_next(size, step, 1) for step in _MULTIPLES}
    smaller = {_next(size, step, -1) for step in _MULTIPLES}
    near = [other for other in larger | smaller if _is_near(other, size)]
    return sorted(near, key=lambda s: (s not in larger, abs(s[0] * s[1] - size[0] * size[1])))


def _next(size: Size, step: int, sign: int) -> Size:
    """Both sides as multiples of `step`, rounded up or, where `sign` is -1, down: another size."""
    high, wide = (-(-side * sign // step) * step * sign for side in size)
    return (high, wide) if (high, wide) != size else (high + sign * step, wide + sign * step)


def _is_near(other: Size, size: Size) -> bool:
    scales = [new / old for new, old in zip(other, size, strict=True)]
    smallest, largest = min(scales), max(scales)
    return smallest >= _SMALLER and largest <= _LARGER and largest <= _STRETCH * smallest


def _is_odd(node: NodeReport) -> bool:
    return node.output_block == 1 and tuple(node.output_shape[2:]) != (1, 1)


def _what(module: Module) -> str | None:
    """What has block size 1: maps that nodes make, or the image alone; None if nothing has."""
    nodes = [node for node in module.report.nodes if _is_odd(node)]
    if nodes:
        return _what_of(nodes)
    size = module.image.size
    if block_size(*size) > 1 or size == (1, 1):
        return None
    return f"the image of {size_text(size)} has block size 1 and is taken in the spatial domain"


def _what_of(nodes: Sequence[NodeReport]) -> str:
    sizes = list(dict.fromkeys(size_text(node.output_shape[2:]) for node in nodes))
    named = sizes[:_SIZES_NAMED]
    if len(sizes) > len(named):
        more = len(sizes) - len(named)
        named.append("1 more size" if more == 1 else f"{more} more sizes")
    text = " and ".join(filter(None, (", ".join(named[:-1]), named[-1])))
    count = "1 node" if len(nodes) == 1 else f"{len(nodes)} nodes"
    return (
        f"maps of {text} from {nodes[0].op} '{nodes[0].name}' on ({count}) have block size 1 and"
        " are computed in the spatial domain"
    )


def _advice(module: Module, source: Source, steps: Sequence[Pass]) -> str:
    present = module.image.size
    others = []
    # Later passes rename the batch of outputs that are averages over views.
    has_views = module.image.geometry.view_count > 1
    alike = (_at_size(module, source, steps, present) if has_views else None) or module
    for size in candidates(present):
        other = _at_size(module, source, steps, size)
        if other is not None and _vectors(other) != _vectors(alike):
            other = None
        if other is not None and not _has_odd_maps(other):
            return f"an input of {size_text(size)} would avoid it"
        others.append(other)
    # A size that is too small for a window binds nothing.
    if not any(others):
        return f"the classifier is bound to an input of {size_text(present)}"
    return f"no size near {size_text(present)} that was tried avoids it"


def _at_size(module: Module, source: Source, steps: Sequence[Pass], size: Size) -> Module | None:
    """The module at a size of its image, behind the steps; None where a step refuses it."""
    image = replace(module.image, height=size[0], width=size[1])
    # What kernels are chosen for is no matter, and must not be in the way of another size.
    options = replace(module.options, batch=None)
    other = Module.of(graph_at_size(source.model, source.folder, image), image, options)
    try:
        for step in steps:
            step.run(other)
    except (UnsupportedModelError, UsageError):
        return None
    return other


def _vectors(module: Module) -> list[tuple[object, ...]]:
    """Shapes of the outputs that are no maps, which must not depend on the size of the image."""
    return [
        tuple(None if str(d).startswith(_NAMELESS) else d for d in tensor.shape)
        for tensor in module.graph.outputs
        if tensor.shape is not None and len(tensor.shape) < 4
    ]


def _has_odd_maps(module: Module) -> bool:
    return any(
        module.maps.get(tensor.name) == 1 and size_of(tensor) != (1, 1)
        for node in module.graph.nodes
        for tensor in node.outputs
    )
