"""From the bytes of JPEG files to a network's outputs, beside other runtimes.

    python tests/benchmarks/end_to_end.py CACHE [--network NAME,...] [--threads 1,2]
        [--quality 75,90] [--repeats N] [--seconds S] [--json FILE]

The original network behind Pillow and NumPy in ONNX Runtime, in OpenVINO and in ncnn (those of the
two that are installed; `pip install openvino ncnn pnnx`), and the network as `jpegcompile compile`
makes it for `--domain jpeg` and `auto`, one image at a time. The compiled models are verified on
the same files first, the other runtimes are held against ONNX Runtime. Then all take turns, each in
a process of its own. Networks are those of `networks.py`, kept in the folder CACHE.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.command import numbers_of, parser_of, results_of, table_of
from benchmarks.networks import DOMAINS, NETWORKS, Network, compile_into, source_of
from benchmarks.runtimes import NCNN, ONNX_RUNTIME, Side, installed, made_for_ncnn, pipeline_of

import jpegcompile
from jpegcompile.errors import CheckFailedError
from jpegcompile.evaluation.benchmark.input_sets import write_images
from jpegcompile.evaluation.benchmark.job import END_TO_END, NETWORK
from jpegcompile.evaluation.verify import require_passed

# Float32 in another order, by Winograd's larger tiles at that.
_TOLERANCE = 2e-3
# Threads of the runtimes spin for some time after a run.
_QUIET_SECONDS = 0.15
_IMAGES = 16


def _work(side: Side, link: Connection) -> None:
    """A process: opens its model, answers with outputs, or with the median time of its runs."""
    pipeline = pipeline_of(side)
    while (asked := link.recv()) is not None:
        stage, files, seconds = asked
        if seconds is None:
            link.send([pipeline.end_to_end([file])[0] for file in files])
            continue
        runs = [pipeline.step(stage, [file]) for file in files]
        for run in runs[:2]:
            run()
        times: list[float] = []
        end = time.perf_counter() + seconds
        while len(times) < len(runs) or time.perf_counter() < end:
            begin = time.perf_counter()
            runs[len(times) % len(runs)]()
            times.append(time.perf_counter() - begin)
        link.send(statistics.median(times))


class _Worker:
    def __init__(self, side: Side) -> None:
        self.side = side
        self._link, theirs = multiprocessing.Pipe()
        self._process = multiprocessing.get_context("spawn").Process(
            target=_work, args=(side, theirs), daemon=True
        )
        self._process.start()
        theirs.close()

    def ask(self, stage: str, files: Sequence[bytes], seconds: float | None) -> Any:
        self._link.send((stage, files, seconds))
        try:
            answer = self._link.recv()
        except EOFError:
            sys.exit(f"{self.side.name}: the process ended; its error is above")
        time.sleep(_QUIET_SECONDS)
        return answer

    def end(self) -> None:
        if self._process.is_alive():
            self._link.send(None)
        self._process.join()


def _sides(network: Network, cache: Path) -> list[Side]:
    source = source_of(network, cache)
    compiled = {}
    for domain in DOMAINS:
        path = cache / f"{network.name}.{domain}.coefficients.onnx"
        compile_into(path, source, domain, {"preprocess": network.preprocess})
        compiled[domain] = path
    info = jpegcompile.load(compiled[DOMAINS[0]]).info
    others = installed()
    if NCNN in others and not made_for_ncnn(source, network):
        others.remove(NCNN)
    models = {ONNX_RUNTIME: source, **compiled, **dict.fromkeys(others, source)}
    return [Side(name, str(model), info, 1) for name, model in models.items()]


def measured(network: Network, arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """A row for each quality, number of threads and stage: seconds and ratios of every side."""
    print(network.name, file=sys.stderr)
    sides = _sides(network, arguments.cache)
    frame = sides[0].info.frame
    assert frame is not None
    with tempfile.TemporaryDirectory() as folder:
        for quality in arguments.quality:
            paths = write_images(frame, quality, _IMAGES, Path(folder))
            verify_compiled(sides, folder)
            files = [path.read_bytes() for path in paths]
            for threads in arguments.threads:
                workers = [_Worker(replace(side, threads=threads)) for side in sides]
                try:
                    _check(workers, files)
                    for stage in (END_TO_END, NETWORK):
                        times = _times(workers, stage, files, arguments)
                        yield _row(network, quality, threads, stage, times)
                finally:
                    for worker in workers:
                        worker.end()
            for path in paths:
                path.unlink()


def verify_compiled(sides: Sequence[Side], folder: str) -> None:
    """Exit unless the compiled models, on the files of a folder, give the first side's answers."""
    for side in sides:
        if side.name in DOMAINS:
            try:
                require_passed(jpegcompile.verify(sides[0].model, side.model, folder))
            except CheckFailedError as error:
                sys.exit(f"{side.model}: {error}")


def _check(workers: Sequence[_Worker], files: Sequence[bytes]) -> None:
    """Other runtimes compute what ONNX Runtime computes; compiled models were verified."""
    expected = np.concatenate(workers[0].ask(END_TO_END, files, None))
    for worker in workers[1:]:
        if worker.side.name in DOMAINS:
            continue
        actual = np.concatenate(worker.ask(END_TO_END, files, None))
        error = np.abs(actual - expected).max() / np.abs(expected).max()
        if not error < _TOLERANCE:
            sys.exit(f"{worker.side.name}: outputs are off by {error:.2g} of the largest")


def _times(
    workers: Sequence[_Worker], stage: str, files: Sequence[bytes], arguments: argparse.Namespace
) -> dict[str, list[float]]:
    """Seconds of an image in every round; another side goes first each time."""
    taking_part = [w for w in workers if stage == END_TO_END or w.side.name not in DOMAINS]
    times: dict[str, list[float]] = {worker.side.name: [] for worker in taking_part}
    for turn in range(arguments.repeats):
        first = turn % len(taking_part)
        for worker in taking_part[first:] + taking_part[:first]:
            times[worker.side.name].append(worker.ask(stage, files, arguments.seconds))
    return times


def _row(
    network: Network, quality: int, threads: int, stage: str, times: Mapping[str, list[float]]
) -> dict[str, Any]:
    reference = times[ONNX_RUNTIME]
    ratios = {
        name: statistics.median(t / r for t, r in zip(values, reference, strict=True))
        for name, values in times.items()
    }
    seconds = {name: statistics.median(values) for name, values in times.items()}
    return {
        "network": network.name,
        "quality": quality,
        "threads": threads,
        "stage": stage,
        "seconds": seconds,
        "ratios": ratios,
    }


def markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """A table: milliseconds of ONNX Runtime, and ratios of the others to it."""
    names = list(dict.fromkeys(name for row in rows for name in row["ratios"]))
    others = [name for name in names if name != ONNX_RUNTIME]
    head = ["network", "quality", "threads", "stage", f"{ONNX_RUNTIME}, ms", *others]
    lines = []
    for row in rows:
        ratios = [f"{row['ratios'][n]:.2f}" if n in row["ratios"] else "-" for n in others]
        time_ = f"{1e3 * row['seconds'][ONNX_RUNTIME]:.2f}"
        lead = [row["network"], row["quality"], row["threads"], row["stage"], time_]
        lines.append([str(value) for value in lead] + ratios)
    return table_of(head, lines)


def main() -> None:
    """Measure and print the table."""
    parser = parser_of(__doc__, [network.name for network in NETWORKS])
    parser.add_argument("--quality", type=numbers_of, default=[75, 90])
    arguments = parser.parse_args()
    version = {"onnxruntime": ort.__version__}
    print(
        markdown(results_of(NETWORKS, measured, arguments, lambda rows: {**version, "rows": rows}))
    )


if __name__ == "__main__":
    main()
