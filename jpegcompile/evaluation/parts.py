"""Run a model part by part, to limit the memory for its inner tensors.

Every part computes some of the wanted tensors, and the tensors that later parts read. Each node
runs once, as in a run of the whole model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import helper

from jpegcompile.errors import UnsupportedModelError, one_line
from jpegcompile.evaluation.shelf import Shelf
from jpegcompile.messages import Message
from jpegcompile.runtime.cut import outer_reads, part_of, without_groups


class Parts:
    """A model in parts, one for each group of wanted tensors.

    Attributes:
        made: names of the model's inputs and of the tensors that it computes.
    """

    def __init__(
        self,
        model: onnx.ModelProto,
        groups: Sequence[Sequence[str]],
        open_session: Callable[[onnx.ModelProto], ort.InferenceSession],
    ) -> None:
        """Cut a model into parts.

        Args:
            model: the model; it is not changed.
            groups: names of the wanted tensors of each part; unknown names are ignored.
            open_session: opens the model of a part.
        """
        self._model = onnx.ModelProto()
        self._model.CopyFrom(model)
        without_groups(self._model)
        nodes = self._model.graph.node
        self.made = {value.name for value in self._model.graph.input}
        self.made.update(name for node in nodes for name in node.output if name)
        self._groups = [[name for name in group if name in self.made] for group in groups]
        self._nodes = self._divided()
        self._sessions: dict[int, ort.InferenceSession | None] = {}
        self._open = open_session

    def run(self, index: int, held: Shelf) -> None:
        """Run one part, and put its outputs on the shelf.

        Args:
            index: index of the part; parts run in order.
            held: inputs of the model, and outputs of earlier parts.

        Raises:
            UnsupportedModelError: if ONNX Runtime fails.
        """
        if index not in self._sessions:
            self._sessions[index] = self._session(index, held)
        session = self._sessions[index]
        if session is None:
            return
        feeds = {value.name: held[value.name] for value in session.get_inputs()}
        names = [value.name for value in session.get_outputs()]
        try:
            made = session.run(names, feeds)
        except Exception as error:
            text = (
                f"ONNX Runtime failed to run a part of the model: {one_line(error)}; check that"
                " the original runs with such inputs"
            )
            raise UnsupportedModelError(Message("traced-part-fails", text)) from error
        del feeds
        held.put(dict(zip(names, made, strict=True)))

    def leave(self, index: int, held: Shelf) -> None:
        """Drop the tensors that no later part reads or returns."""
        held.drop(set(held) - self._read_from(index + 1))

    def _session(self, index: int, held: Shelf) -> ort.InferenceSession | None:
        """Open a part; None if earlier parts computed all its wanted tensors."""
        nodes = self._nodes[index]
        made = {name for node in nodes for name in node.output if name}
        later = self._read_from(index + 1) | set(self._groups[index])
        outputs = sorted(made & later)
        if not outputs:
            return None
        read = _reads(nodes) - made
        kinds = {
            name: helper.np_dtype_to_tensor_dtype(held[name].dtype)
            for name in sorted(read & set(held))
        }
        return self._open(part_of(self._model, nodes, kinds, outputs))

    def _read_from(self, index: int) -> set[str]:
        """Return the tensors that parts from `index` on read or return."""
        nodes = [node for part in self._nodes[index:] for node in part]
        return _reads(nodes).union(*self._groups[index:])

    def _divided(self) -> list[list[onnx.NodeProto]]:
        """Return the nodes of each part in model order, without nodes of earlier parts."""
        nodes = self._model.graph.node
        makers = {name: i for i, node in enumerate(nodes) for name in node.output if name}
        taken: set[int] = set()
        parts = []
        for group in self._groups:
            part: set[int] = set()
            waiting = [makers[name] for name in group if name in makers]
            while waiting:
                number = waiting.pop()
                if number in taken:
                    continue
                taken.add(number)
                part.add(number)
                reads = _reads([nodes[number]])
                waiting.extend(makers[name] for name in reads if name in makers)
            parts.append([nodes[number] for number in sorted(part)])
        return parts


def as_fed(model: onnx.ModelProto, feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return the feeds that a model has inputs for, in the element types of the inputs."""
    kinds = {v.name: v.type.tensor_type.elem_type for v in model.graph.input}
    return {
        name: np.asarray(values, helper.tensor_dtype_to_np_dtype(kinds[name]))
        for name, values in feeds.items()
        if name in kinds
    }


def _reads(nodes: Sequence[onnx.NodeProto]) -> set[str]:
    names = {name for node in nodes for name in node.input if name}
    return names.union(*(outer_reads(node) for node in nodes))
