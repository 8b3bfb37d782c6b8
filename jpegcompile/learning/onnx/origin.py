"""The ONNX model that a module comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx

from jpegcompile.frequency_plan import NodeFrequencies
from jpegcompile.frontend.load import Source
from jpegcompile.learning.onnx.builder import Learned
from jpegcompile.learning.onnx.origins import Origin
from jpegcompile.messages import Message
from jpegcompile.options.requested import ModelOptions
from jpegcompile.report import Report


@dataclass(frozen=True, eq=False)
class OnnxSource:
    """What a module keeps of its ONNX model.

    Attributes:
        file: the model as it was given, without the values of external weights.
        folder: folder of its external weights; None for a model in memory.
        source: the checked model.
        options: the options of the compilation, as given.
        learned: parameters and running statistics of the module, by path.
        origins: where the file has them, by the name of the constant in the prepared graph.
        copies: the shared vector of the file, by the name of the copy that a reader learns.
        merges: whether nodes of group normalizations were merged when the model was prepared.
        report: the report of the compiler for these options.
        decisions: frequencies of the nodes that the compiler approximates, by name.
    """

    file: onnx.ModelProto
    folder: Path | None
    source: Source
    options: ModelOptions
    learned: Mapping[str, Learned]
    origins: Mapping[str, Origin]
    copies: Mapping[str, str]
    merges: bool
    report: Report
    decisions: Mapping[str, NodeFrequencies]

    @property
    def rewritten(self) -> Message | None:
        """Why `to_onnx` writes the graph in canonical form; None if it writes the file itself."""
        lost = sorted({v.tensor for v in self.learned.values()} - self.origins.keys())
        if not lost:
            return None
        return Message(
            "learning-graph-rewritten",
            f"{self.source.name}: the weight '{lost[0]}' is computed from other tensors of the"
            " file, so to_onnx writes the graph in canonical form instead of the file's own graph",
        )

    def __deepcopy__(self, memo: dict[int, Any]) -> OnnxSource:
        """Return the same record: nothing changes it, and the model may be large."""
        return self
