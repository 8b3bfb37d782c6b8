"""Report maps with an odd side, which have block size 1, and an input size that avoids them.

The size is found by trial: the graph is legalized, but not lowered, at a few sizes near the current
one.
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
from jpegcompile.messages import Message
from jpegcompile.report import NodeReport

# A network that halves its maps k times has even maps if the image size is a multiple of 2^(k+1).
_MULTIPLES = (8, 16, 32, 64)
# Limits on the ratio of a tried size to the current one, and on the change of the aspect ratio.
_LARGER, _SMALLER, _STRETCH = 4.0, 0.5, 1.5
_SIZES_NAMED = 3
_LONGEST_REASON = 160
# Prefix of the symbols that shape inference creates for unknown dimensions: "unk__0", ...
_NAMELESS = "unk__"


def note_odd_maps(module: Module, source: Source, steps: Sequence[Pass]) -> None:
    """Add a note to the report on maps with block size 1, with advice.

    If the advice cannot be determined, the note says why.

    Args:
        module: the module after the pipeline.
        source: the source model.
        steps: passes up to the one that assigns block sizes.
    """
    what = _what(module)
    if what is None:
        return
    try:
        advice = _advice(module, source, steps)
    except Exception as error:
        # The graph at other sizes was not checked, so a pass may raise any error.
        reason = f"{type(error).__name__}: {one_line(error)}"[:_LONGEST_REASON]
        text = f"other input sizes could not be tried ({reason})"
        advice = Message("odd-maps-not-tried", text)
    module.report.note(Message(advice.code, f"{what}; {advice}"))


def candidates(size: Size) -> list[Size]:
    """Return input sizes to try: larger sizes, then smaller ones, each from near to far."""
    larger = {_next(size, step, 1) for step in _MULTIPLES}
    smaller = {_next(size, step, -1) for step in _MULTIPLES}
    near = [other for other in larger | smaller if _is_near(other, size)]
    return sorted(near, key=lambda s: (s not in larger, abs(s[0] * s[1] - size[0] * size[1])))


def _next(size: Size, step: int, sign: int) -> Size:
    """Return the nearest size of multiples of `step`: larger for `sign` 1, smaller for -1."""
    high, wide = (-(-side * sign // step) * step * sign for side in size)
    return (high, wide) if (high, wide) != size else (high + sign * step, wide + sign * step)


def _is_near(other: Size, size: Size) -> bool:
    scales = [new / old for new, old in zip(other, size, strict=True)]
    smallest, largest = min(scales), max(scales)
    return smallest >= _SMALLER and largest <= _LARGER and largest <= _STRETCH * smallest


def _is_odd(node: NodeReport) -> bool:
    return node.output_block == 1 and tuple(node.output_shape[2:]) != (1, 1)


def _what(module: Module) -> str | None:
    """Describe the maps, or only the image, that have block size 1; None if there are none."""
    nodes = [node for node in module.report.nodes if _is_odd(node)]
    if nodes:
        return _what_of(nodes)
    size = module.image.size
    if block_size(*size) > 1 or size == (1, 1):
        return None
    return f"the image of {size_text(size)} has block size 1, so it stays in the spatial domain"


def _what_of(nodes: Sequence[NodeReport]) -> str:
    sizes = list(dict.fromkeys(size_text(node.output_shape[2:]) for node in nodes))
    named = sizes[:_SIZES_NAMED]
    if len(sizes) > len(named):
        more = len(sizes) - len(named)
        named.append("1 more size" if more == 1 else f"{more} more sizes")
    text = " and ".join(filter(None, (", ".join(named[:-1]), named[-1])))
    count = "1 node" if len(nodes) == 1 else f"{len(nodes)} nodes"
    return (
        f"maps of {text}, starting at {nodes[0].op} '{nodes[0].name}' ({count}), have block size"
        " 1, so they stay in the spatial domain"
    )


def _advice(module: Module, source: Source, steps: Sequence[Pass]) -> Message:
    present = module.image.size
    others = []
    # Later passes rename the batch of outputs that are averaged over views.
    has_views = module.image.geometry.view_count > 1
    alike = (_at_size(module, source, steps, present) if has_views else None) or module
    for size in candidates(present):
        other = _at_size(module, source, steps, size)
        if other is not None and _vectors(other) != _vectors(alike):
            other = None
        if other is not None and not _has_odd_maps(other):
            text = f"use an input of {size_text(size)} to avoid this"
            return Message("odd-maps-avoidable", text)
        others.append(other)
    # A small size may fail for other reasons, so the size is fixed only if all sizes fail.
    if not any(others):
        text = f"the classifier requires an input of {size_text(present)}"
        return Message("odd-maps-size-fixed", text)
    text = f"none of the sizes tried near {size_text(present)} avoids this"
    return Message("odd-maps-unavoidable", text)


def _at_size(module: Module, source: Source, steps: Sequence[Pass], size: Size) -> Module | None:
    """Run the passes at another image size; return None if a pass refuses the size."""
    image = replace(module.image, height=size[0], width=size[1])
    # The batch size only selects kernels, so it must not make another image size fail.
    options = replace(module.options, batch=None)
    other = Module.of(graph_at_size(source.model, source.folder, image), image, options)
    try:
        for step in steps:
            step.run(other)
    except (UnsupportedModelError, UsageError):
        return None
    return other


def _vectors(module: Module) -> list[tuple[object, ...]]:
    """Return the shapes of the outputs that are not maps; they must not depend on the size."""
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
