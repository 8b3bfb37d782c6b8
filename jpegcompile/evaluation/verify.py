"""Verify a compiled model against its original: at the outputs and at every lowered node.

Two errors are kept apart (they have different causes and sizes). The conversion error is measured
against the original fed by the float decode: float rounding only. The decoder difference is
measured against the original fed by Pillow: its rounding to 8 bits and clamping.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from jpegcompile.backends.metadata import CompiledInfo
from jpegcompile.dct.blocks import to_jpeg
from jpegcompile.errors import CheckFailedError, UnsupportedModelError, UsageError
from jpegcompile.evaluation.dataset import jpeg_files
from jpegcompile.evaluation.spatial import SpatialModel, float_batch, pillow_batch
from jpegcompile.frontend.load import load_source
from jpegcompile.runtime.coefficients import read_coefficients_many
from jpegcompile.runtime.cut import expose
from jpegcompile.runtime.inputs import check_size, coefficient_feeds, fits_inputs, preprocess_in
from jpegcompile.runtime.session import Session, inference_session

Progress = Callable[[int, int], None]
Arrays = dict[str, NDArray[Any]]

ABSOLUTE_TOLERANCE = 2e-4
RELATIVE_TOLERANCE = 1e-5
_BATCH = 32


@dataclass(frozen=True)
class OutputError:
    """Errors at one output.

    Attributes:
        name: of the output.
        conversion: largest absolute conversion error.
        decoder: largest absolute decoder difference; None for tensor samples.
        largest: largest magnitude of the original's output.
        allowed: what the tolerances allow.
        same_top1, same_top1_pillow: images whose largest entry is at the same place, against the
            float decode and against Pillow; None where the output is not a vector of scores.
    """

    name: str
    conversion: float
    decoder: float | None
    largest: float
    allowed: float
    same_top1: int | None
    same_top1_pillow: int | None


@dataclass(frozen=True)
class NodeError:
    """Conversion error at one jpeg-domain tensor, against the block DCT of its spatial twin.

    Attributes:
        tensor, twin: in the compiled and in the original model.
        block: block size.
        error: largest absolute error of a coefficient.
        largest: largest magnitude of the original's coefficients.
    """

    tensor: str
    twin: str
    block: int
    error: float
    largest: float

    @property
    def relative(self) -> float:
        """Error as a fraction of the largest magnitude."""
        return self.error / self.largest if self.largest else self.error


@dataclass(frozen=True)
class Verification:
    """Outcome of `verify`; `nodes` are sorted, the worst relative error first."""

    inputs: int
    inputs_for_nodes: int
    outputs: tuple[OutputError, ...]
    nodes: tuple[NodeError, ...]

    @property
    def passed(self) -> bool:
        """Whether every output is within its tolerance and every top-1 agrees."""
        return all(
            o.conversion <= o.allowed and o.same_top1 in (None, self.inputs) for o in self.outputs
        )

    def to_json(self) -> dict[str, Any]:
        """JSON-ready data."""
        nodes = [{**asdict(node), "relative": node.relative} for node in self.nodes]
        return {**asdict(self), "nodes": nodes, "passed": self.passed}


def verify(
    original: str | os.PathLike[str] | onnx.ModelProto,
    compiled: str | os.PathLike[str],
    images: str | os.PathLike[str] | None = None,
    *,
    samples: int = 64,
    seed: int = 0,
    node_inputs: int = 16,
    absolute: float = ABSOLUTE_TOLERANCE,
    relative: float = RELATIVE_TOLERANCE,
    progress: Progress | None = None,
) -> Verification:
    """Compare a compiled model with its original.

    Args:
        original: the source model.
        compiled: path of the compiled model.
        images: folder of JPEG files of the network's size; without it a model compiled for tensors
            is verified on random ones.
        samples: number of random tensors (standard normal).
        seed: of the random tensors.
        node_inputs: for how many of the inputs every lowered node is compared.
        absolute: an output's error may be this large,
        relative: or this fraction of the largest magnitude of that output, if that is larger.
        progress: called with (done, total).

    Raises:
        UsageError: if images are needed and not given.
        UnsupportedModelError: if the compiled model was made from another original.
        ImageError, AccessError: if an image is damaged, of another size, or cannot be read.
    """
    session = Session(compiled)
    source = load_source(original)
    _require_same_source(source.sha256, session, str(compiled))
    pairs = {name: twin for name, (_, twin) in session.info.tensors.items()}
    meter = _Meter(session.info, absolute, relative)
    traced = inference_session(expose(session.model, pairs))
    reference = SpatialModel(source.model, session.info.input, pairs.values())
    plain = SpatialModel(source.model, session.info.input)
    batches = _image_batches(session, images) if images else _random_batches(session, samples, seed)
    for batch in batches:
        wants_nodes = meter.inputs < node_inputs
        actual = _run_compiled(traced if wants_nodes else session.inference_session, session, batch)
        expected = (reference if wants_nodes else plain).run(batch.spatial)
        pillow = None if batch.pillow is None else plain.run(batch.pillow)
        meter.outputs(plain.output_names, actual, expected, pillow)
        if wants_nodes:
            meter.nodes(pairs, actual, {**expected, session.info.input.name: batch.spatial})
        meter.inputs += len(batch.spatial)
        if progress is not None:
            progress(meter.inputs, batch.total)
    return meter.result()


@dataclass(frozen=True)
class _Batch:
    feeds: Arrays | None
    coefficients: Sequence[Any]
    spatial: NDArray[np.float32]
    pillow: NDArray[np.float32] | None
    total: int


def _require_same_source(sha256: str, session: Session, name: str) -> None:
    if session.info.source_sha256 != sha256:
        raise UnsupportedModelError(
            f"{name}: was compiled from another model (sha256 {session.info.source_sha256[:12]}...,"
            f" the original given has {sha256[:12]}...); give the model that it was compiled from"
        )


def _image_batches(session: Session, folder: str | os.PathLike[str]) -> Iterator[_Batch]:
    preprocess, info = preprocess_in(session.info), session.info.input
    files = jpeg_files(folder)
    step = min(_BATCH, session.batch_size)
    for start in range(0, len(files), step):
        chunk: Sequence[Path] = files[start : start + step]
        coefficients = read_coefficients_many(chunk)
        for file, image in zip(chunk, coefficients, strict=True):
            check_size(image, info, str(file))
        spatial = float_batch(coefficients, preprocess, info)
        pillow = pillow_batch(chunk, preprocess, info)
        direct = info.mode == "coefficients" and all(fits_inputs(c, info) for c in coefficients)
        feeds: Arrays | None = None
        if info.mode == "tensor":
            feeds = {info.name: spatial}
        elif direct:
            feeds = coefficient_feeds(coefficients, info)
        yield _Batch(feeds, coefficients, spatial, pillow, len(files))


def _random_batches(session: Session, samples: int, seed: int) -> Iterator[_Batch]:
    info = session.info.input
    if info.mode != "tensor":
        raise UsageError(
            f"{session.path}: takes coefficients, so verify needs JPEG files: give --images FOLDER"
        )
    if samples < 1:
        raise UsageError(f"samples is {samples}; give 1 or more")
    generator = np.random.default_rng(seed)
    plane = (info.height, info.width)
    shape = (*plane, info.channels) if info.layout == "NHWC" else (info.channels, *plane)
    step = min(_BATCH, session.batch_size)
    for start in range(0, samples, step):
        count = min(step, samples - start)
        tensor = generator.standard_normal((count, *shape)).astype(np.float32)
        yield _Batch({info.name: tensor}, (), tensor, None, samples)


def _run_compiled(runtime: Any, session: Session, batch: _Batch) -> Arrays:
    if batch.feeds is None:
        # Samplings that the file is not written for go through the session; no tensors to trace.
        values = session.run_coefficients(batch.coefficients)
        return dict(zip(session.output_names, values, strict=True))
    names = [output.name for output in runtime.get_outputs()]
    return dict(zip(names, runtime.run(names, batch.feeds), strict=True))


class _Meter:
    """Running maxima over batches."""

    def __init__(self, info: CompiledInfo, absolute: float, relative: float) -> None:
        self.inputs = 0
        self._info = info
        self._tolerance = (absolute, relative)
        self._outputs: dict[str, dict[str, Any]] = {}
        self._nodes: dict[str, tuple[float, float]] = {}
        self._traced = 0

    def outputs(
        self, names: Sequence[str], actual: Arrays, expected: Arrays, pillow: Arrays | None
    ) -> None:
        """Take in the outputs of one batch."""
        for name in names:
            record = self._outputs.setdefault(
                name, {"conversion": 0.0, "decoder": None, "largest": 0.0, "top": 0, "pillow": 0}
            )
            record["conversion"] = max(
                record["conversion"], _distance(actual[name], expected[name])
            )
            record["largest"] = max(record["largest"], _magnitude(expected[name]))
            is_vector = expected[name].ndim == 2 and expected[name].shape[1] > 1
            record["vector"] = is_vector
            if is_vector:
                record["top"] += _agreement(actual[name], expected[name])
            if pillow is not None:
                distance = _distance(actual[name], pillow[name])
                record["decoder"] = max(record["decoder"] or 0.0, distance)
                record["pillow"] += _agreement(actual[name], pillow[name]) if is_vector else 0

    def nodes(self, pairs: dict[str, str], actual: Arrays, expected: Arrays) -> None:
        """Take in the jpeg-domain tensors of one batch."""
        for tensor, twin in pairs.items():
            if tensor not in actual or twin not in expected:
                continue
            block = int(self._info.tensors[tensor][0])
            wanted = expected[twin].astype(np.float64)
            if wanted.shape != actual[tensor].shape:
                continue
            wanted = to_jpeg(wanted, block)
            error, largest = self._nodes.get(tensor, (0.0, 0.0))
            self._nodes[tensor] = (
                max(error, _distance(actual[tensor], wanted)),
                max(largest, _magnitude(wanted)),
            )
        self._traced += len(next(iter(expected.values())))

    def result(self) -> Verification:
        """What was measured."""
        nodes = [
            NodeError(tensor, self._info.tensors[tensor][1], self._info.tensors[tensor][0], *values)
            for tensor, values in self._nodes.items()
        ]
        nodes.sort(key=lambda node: node.relative, reverse=True)
        outputs = tuple(self._output(name, record) for name, record in self._outputs.items())
        return Verification(self.inputs, self._traced, outputs, tuple(nodes))

    def _output(self, name: str, record: dict[str, Any]) -> OutputError:
        absolute, relative = self._tolerance
        has_decoder = record["decoder"] is not None
        return OutputError(
            name=name,
            conversion=record["conversion"],
            decoder=record["decoder"],
            largest=record["largest"],
            allowed=max(absolute, relative * record["largest"]),
            same_top1=record["top"] if record["vector"] else None,
            same_top1_pillow=record["pillow"] if record["vector"] and has_decoder else None,
        )


def _distance(actual: NDArray[Any], expected: NDArray[Any]) -> float:
    difference = actual.astype(np.float64) - expected.astype(np.float64)
    # A NaN on either side must not pass as small.
    return float(np.max(np.nan_to_num(np.abs(difference), nan=np.inf), initial=0.0))


def _magnitude(values: NDArray[Any]) -> float:
    return float(np.max(np.abs(values.astype(np.float64)), initial=0.0))


def _agreement(actual: NDArray[Any], expected: NDArray[Any]) -> int:
    return int(np.sum(actual.argmax(axis=1) == expected.argmax(axis=1)))


def require_passed(result: Verification) -> None:
    """Turn a failed verification into the error of a failed check.

    Raises:
        CheckFailedError: naming the first output that is out of tolerance.
    """
    for output in result.outputs:
        if output.conversion > output.allowed:
            raise CheckFailedError(
                f"output '{output.name}': conversion error {output.conversion:.3g} is above"
                f" {output.allowed:.3g}; the nodes with the largest errors are listed above"
            )
        if output.same_top1 not in (None, result.inputs):
            raise CheckFailedError(
                f"output '{output.name}': top-1 agrees on {output.same_top1} of {result.inputs}"
                " inputs only"
            )
