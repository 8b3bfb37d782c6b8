"""Run a network at another size than the size it was trained at.

`frontend/resolution` adapts the network, and `preprocessing/scaled.py` adapts its preprocessing.
A compiled file is compared with its source at the same size.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from jpegcompile.frontend.image import declared_image
from jpegcompile.frontend.load import Source
from jpegcompile.frontend.preprocessing_nodes.extract import extract_preprocessing
from jpegcompile.frontend.resolution.change import Resized, at_resolution
from jpegcompile.input_size import Size, size_text
from jpegcompile.ir.module import CompileOptions
from jpegcompile.messages import Message
from jpegcompile.metadata import CompiledInfo
from jpegcompile.network_input import NetworkInput
from jpegcompile.own_preprocessing import before_own
from jpegcompile.preprocessing.fields import geometry_json
from jpegcompile.preprocessing.geometry import Geometry
from jpegcompile.preprocessing.scaled import scaled
from jpegcompile.report import Report

_NODES_NAMED = 3


@dataclass(frozen=True)
class Change:
    """Effects of a change of the resolution.

    Attributes:
        trained: size that the network was trained at.
        resized: the network at the new size.
        geometry: new geometry of the preprocessing; None if it did not change.
        evidence: measurements of the search that chose the size; None without a search.
    """

    trained: Size
    resized: Resized
    geometry: Geometry | None
    evidence: Mapping[str, Any] | None = None

    def note_in(self, report: Report) -> None:
        """Record the change in a report."""
        is_back = self.trained == self.resized.taken.size
        report.trained_size = None if is_back else self.trained
        report.resolution = None if self.evidence is None else dict(self.evidence)
        size = size_text(self.resized.taken.size)
        trained = "as it was trained" if is_back else f"trained at {size_text(self.trained)}"
        report.note(Message("resolution-changed", f"runs at {size}, {trained}"))
        names = self.resized.rewritten
        if names:
            more = len(names) - _NODES_NAMED
            rest = f" and {more} more" if more > 0 else ""
            listed = ", ".join(f"'{name}'" for name in names[:_NODES_NAMED])
            report.note(
                Message("nodes-resized", f"adapted to the size of the image: {listed}{rest}")
            )
        if self.geometry is not None:
            geometry = json.dumps(geometry_json(self.geometry))
            report.note(Message("preprocessing-resized", f"preprocessing at {size}: {geometry}"))
        for name, before, after in self.resized.reshaped:
            report.note(
                Message(
                    "output-resized",
                    f"output '{name}' is {list(after)} for each image, and was {list(before)}",
                )
            )


def at_asked_resolution(
    source: Source, image: NetworkInput, options: CompileOptions
) -> tuple[Source, NetworkInput, CompileOptions, Change | None]:
    """Change a source model to the resolution of the options, if they ask for another one.

    Args:
        source: the model.
        image: its image, at the trained size.
        options: options with the preprocessing for the trained size.

    Returns:
        The model, its image, the options, and what changed; None if nothing changed.

    Raises:
        UnsupportedModelError: if a node cannot run at another size; the message names the node.
        UsageError: if the preprocessing cannot be adapted.
    """
    plan = options.resolution
    if plan is None or plan.size == image.size:
        return source, image, options, None
    resized = at_resolution(source, image, plan.size)
    given = options.preprocess
    followed = None if given is None else scaled(given, image.size, plan.size)
    changed = None if followed is None or followed == given else followed.geometry
    evidence = plan.for_source(source.sha256).evidence
    change = Change(image.size, resized, changed, evidence)
    return resized.source, resized.taken, replace(options, preprocess=followed), change


def as_compiled(source: Source, info: CompiledInfo) -> Source:
    """Return the source of a compiled model, at the resolution of the compiled model.

    If this is not the trained resolution, the result is without the preprocessing nodes that the
    ingest replaces.

    Raises:
        UnsupportedModelError: if the source cannot run at that resolution.
    """
    trained_at = info.trained_size or info.input.size
    if source.raised is not None:
        # A model that was compiled already may have been changed to another size before.
        declared = declared_image(source.model, info.input.name, source.name).size
        height, width = (
            side if isinstance(side, int) else known
            for side, known in zip(declared, trained_at, strict=True)
        )
    else:
        height, width = trained_at
    if (height, width) == info.input.size:
        return source
    trained = replace(info.input, height=height, width=width)
    return at_resolution(network_of(source, info), trained, info.input.size).source


def network_of(source: Source, info: CompiledInfo) -> Source:
    """Return the source of a compiled model without the preprocessing that the ingest replaces."""
    if info.own_preprocessing is None:
        return source
    assert info.preprocessing is not None  # as in every record of own preprocessing
    given = before_own(info.preprocessing)
    return extract_preprocessing(source, info.input.name, None, given).source
