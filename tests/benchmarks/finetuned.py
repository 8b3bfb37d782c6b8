"""Compare accuracy and time of compiled, truncated, smaller and quantized networks.

    python tests/benchmarks/finetuned.py LABELLED --calibration IMAGES --preprocess NAME
        --original NAME=MODEL.onnx ... --compiled NAME=MODEL.jpeg.onnx ... [--batch 1,32]
        [--threads N] [--rounds N] [--json FILE]

LABELLED has a folder of JPEG files for each class. Each original runs in ONNX Runtime on pixels of
Pillow, in float32 and quantized to INT8 (static QDQ format, one scale for each output channel,
calibrated on files of IMAGES). Each compiled model runs in its native kernels on coefficients. The
accuracy is measured on all files. Times are of the network from its inputs in memory, and from the
bytes of files, in interleaved rounds of one process. The first original is the unit of the ratios.
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.command import markdown_table, positive_numbers

import jpegcompile
from jpegcompile.evaluation.benchmark.record import Record, parser_for
from jpegcompile.evaluation.benchmark.rounds import Rounds, interleaved, median_for
from jpegcompile.evaluation.dataset import LabelledImages, labelled_images
from jpegcompile.preprocessing.preprocess import Preprocess
from jpegcompile.preprocessing.reading import preprocess_of
from jpegcompile.target.base import CPU_PROVIDERS

Array = NDArray[np.float32]
_CALIBRATED = 512
_EVALUATED_BATCH = 250
_QUIET = "session.intra_op.allow_spinning"


class Candidate:
    """One network with its way from the bytes of files to scores."""

    def __init__(
        self, name: str, read: Callable[[Sequence[bytes]], Any], run: Callable[[Any], Array]
    ) -> None:
        """Create a candidate of a reader and a network."""
        self.name, self.read, self.run = name, read, run

    def end_to_end(self, files: Sequence[bytes]) -> Array:
        """Return the scores of files."""
        return self.run(self.read(files))

    def top1(self, files: Sequence[bytes], labels: Sequence[int]) -> float:
        """Return the fraction of correct files."""
        hits = 0
        for start in range(0, len(files), _EVALUATED_BATCH):
            part = slice(start, start + _EVALUATED_BATCH)
            scores = self.end_to_end(files[part])
            hits += int((scores.argmax(1) == np.asarray(labels[part])).sum())
        return hits / len(files)


def pixels_of(files: Sequence[bytes], taken: Preprocess) -> Array:
    """Return normalized pixels [N, 3, H, W] of Pillow's decode."""
    images = [np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), np.float32) for data in files]
    scaled = np.stack(images) * taken.scale
    normalized = (scaled - np.asarray(taken.mean)) / np.asarray(taken.std)
    return np.ascontiguousarray(normalized.transpose(0, 3, 1, 2), np.float32)


def session_of(model: Path, threads: int) -> ort.InferenceSession:
    """Open a model whose idle threads do not spin, so that candidates do not disturb others."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry(_QUIET, "0")
    if (library := jpegcompile.custom_ops_library()) is not None:
        options.register_custom_ops_library(str(library))
    return ort.InferenceSession(str(model), options, list(CPU_PROVIDERS))


def spatial_candidate(name: str, model: Path, taken: Preprocess, threads: int) -> Candidate:
    """Return a spatial network in ONNX Runtime."""
    session = session_of(model, threads)
    entry = session.get_inputs()[0].name
    return Candidate(
        name,
        lambda files: pixels_of(files, taken),
        lambda pixels: session.run(None, {entry: pixels})[0],
    )


def compiled_candidate(name: str, model: Path, threads: int) -> Candidate:
    """Return a compiled network in its native kernels."""
    reader = jpegcompile.load(model)
    session = session_of(model, threads)
    return Candidate(
        name,
        lambda files: reader.feeds(list(files)),
        lambda feeds: session.run(None, feeds)[0],
    )


class _Calibration(CalibrationDataReader):  # type: ignore[misc]
    """Batches of one image for ONNX Runtime's calibration."""

    def __init__(self, entry: str, pixels: Array) -> None:
        self._batches = iter([{entry: pixels[i : i + 1]} for i in range(len(pixels))])

    def get_next(self) -> Mapping[str, Array] | None:
        return next(self._batches, None)


def quantized(model: Path, pixels: Array, folder: Path) -> Path:
    """Quantize a network to INT8 with ONNX Runtime; returns the path of the file."""
    prepared, made = folder / f"{model.stem}.prepared.onnx", folder / f"{model.stem}.int8.onnx"
    quant_pre_process(str(model), str(prepared), skip_symbolic_shape=True)
    entry = ort.InferenceSession(str(prepared), providers=list(CPU_PROVIDERS)).get_inputs()
    quantize_static(
        str(prepared),
        str(made),
        _Calibration(entry[0].name, pixels),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
    )
    return made


def timed(
    candidates: Sequence[Candidate], files: Sequence[bytes], arguments: argparse.Namespace
) -> Iterator[tuple[str, Rounds]]:
    """Yield times of a run for each stage and batch size."""
    for batch in arguments.batch:
        some = list(files[:batch])
        alone = {one.name: partial(one.run, one.read(some)) for one in candidates}
        whole = {one.name: partial(one.end_to_end, some) for one in candidates}
        for stage, steps in (("network", alone), ("end to end", whole)):
            runs = {
                name: partial(median_for, step, arguments.seconds, warm_up=1)
                for name, step in steps.items()
            }
            yield f"{stage}, batch {batch}", interleaved(runs, arguments.rounds)


def named_path(text: str) -> tuple[str, Path]:
    """Return the two sides of NAME=PATH."""
    name, separator, path = text.partition("=")
    if not separator:
        raise argparse.ArgumentTypeError(f"'{text}' is not NAME=PATH")
    return name, Path(path)


def contents(images: LabelledImages) -> tuple[list[bytes], list[int]]:
    """Return the bytes and classes of labelled files, spread over the classes."""
    order = np.random.default_rng(0).permutation(len(images.files))
    files = [Path(images.files[index]).read_bytes() for index in order]
    return files, [images.labels[index] for index in order]


def main() -> int:
    """Measure all candidates, and print and record the table."""
    parser = parser_for(__doc__, rounds=7)
    parser.add_argument("images", type=Path, metavar="LABELLED")
    parser.add_argument("--calibration", type=Path, required=True, metavar="IMAGES")
    parser.add_argument("--preprocess", required=True)
    parser.add_argument("--original", type=named_path, action="append", required=True)
    parser.add_argument("--compiled", type=named_path, action="append", default=[])
    parser.add_argument("--batch", type=positive_numbers, default=[1, 32])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=0.3)
    arguments = parser.parse_args()
    taken = preprocess_of(arguments.preprocess)
    files, labels = contents(labelled_images(arguments.images, None))
    calibration, _ = contents(labelled_images(arguments.calibration, None))
    pixels = pixels_of(calibration[:_CALIBRATED], taken)
    with tempfile.TemporaryDirectory() as folder:
        candidates = []
        for name, model in arguments.original:
            int8 = quantized(model, pixels, Path(folder))
            threads = arguments.threads
            candidates.append(spatial_candidate(f"{name}, float32", model, taken, threads))
            candidates.append(spatial_candidate(f"{name}, INT8", int8, taken, threads))
        for name, model in arguments.compiled:
            candidates.append(compiled_candidate(name, model, arguments.threads))
        rows: dict[str, dict[str, Any]] = {
            one.name: {"network": one.name, "top1": 100 * one.top1(files, labels)}
            for one in candidates
        }
        first = candidates[0].name
        for stage, rounds in timed(candidates, files, arguments):
            for one in candidates:
                rows[one.name][f"ms/{stage}"] = 1e3 * rounds.median(one.name)
                rows[one.name][f"ratio/{stage}"] = rounds.ratio(one.name, first)
    _report(rows, arguments)
    return 0


def _report(rows: Mapping[str, Mapping[str, Any]], arguments: argparse.Namespace) -> None:
    head = list(next(iter(rows.values())))
    cells = [
        [f"{value:.2f}" if isinstance(value, float) else str(value) for value in row.values()]
        for row in rows.values()
    ]
    print(markdown_table(head, cells))
    if arguments.json is not None:
        settings = {name: getattr(arguments, name) for name in ("rounds", "threads", "seconds")}
        Record("finetuned", list(rows.values()), settings).write(arguments.json)


if __name__ == "__main__":
    raise SystemExit(main())
