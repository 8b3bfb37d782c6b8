"""Time the way from JPEG files to a network's outputs, in several runtimes.

    python tests/benchmarks/end_to_end.py CACHE [--network NAME,...] [--threads 1,2]
        [--quality 75,90] [--rounds N] [--seconds S] [--json FILE]

The benchmark runs one image at a time. It compares the original network with Pillow and NumPy in
ONNX Runtime, OpenVINO and ncnn (if they are installed: `pip install openvino ncnn pnnx`) with the
network compiled for `--domain jpeg` and for `--domain auto`. It verifies the compiled models on the
same files and compares the outputs of the other runtimes with ONNX Runtime. Then it times all of
them in interleaved rounds, each in its own process. The folder CACHE keeps the networks, which are
the ones of `networks.py`.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import cycle
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.command import (
    add_timing_options,
    markdown_table,
    measure_networks,
    network_parser,
    positive_numbers,
)
from benchmarks.networks import DOMAINS, NETWORKS, Network, compile_into, source_of
from benchmarks.runtimes import NCNN, ONNX_RUNTIME, Side, installed, made_for_ncnn, pipeline_of

import jpegcompile
from jpegcompile.errors import CheckFailedError
from jpegcompile.evaluation.benchmark.input_sets import write_images
from jpegcompile.evaluation.benchmark.job import END_TO_END, NETWORK
from jpegcompile.evaluation.benchmark.rounds import Rounds, interleaved, median_for
from jpegcompile.evaluation.verify import require_passed

# Other runtimes sum float32 in another order and use larger tiles of Winograd's method.
_TOLERANCE = 2e-3
# Idle threads of the runtimes spin for some time after a run.
_QUIET_SECONDS = 0.15
_IMAGES = 16


def _work(side: Side, link: Connection) -> None:
    """Run in a process of its own: open a model, then answer requests.

    The answer is the outputs for some files, or the median seconds of a run.
    """
    pipeline = pipeline_of(side)
    while (asked := link.recv()) is not None:
        stage, files, seconds = asked
        if seconds is None:
            link.send([pipeline.end_to_end([file])[0] for file in files])
            continue
        runs = [pipeline.step(stage, [file]) for file in files]
        # Every file is run, even if that takes longer.
        link.send(median_for(_in_turn(runs), seconds, warm_up=2, fewest=len(runs)))


def _in_turn(runs: Sequence[Callable[[], object]]) -> Callable[[], object]:
    """Return a function that does the next one of some runs each time."""
    following = cycle(runs)
    return lambda: next(following)()


class _Worker:
    """A process with the model of one side."""

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
            sys.exit(f"{self.side.name}: the process ended; see its error above")
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
    """Yield a row for each quality, thread count and stage: seconds and ratios of every side."""
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
    """Exit unless the compiled models match the first side on the files of a folder."""
    for side in sides:
        if side.name in DOMAINS:
            try:
                require_passed(jpegcompile.verify(sides[0].model, side.model, folder))
            except CheckFailedError as error:
                sys.exit(f"{side.model}: {error}")


def _check(workers: Sequence[_Worker], files: Sequence[bytes]) -> None:
    """Exit unless the other runtimes match ONNX Runtime; compiled models were verified before."""
    expected = np.concatenate(workers[0].ask(END_TO_END, files, None))
    for worker in workers[1:]:
        if worker.side.name in DOMAINS:
            continue
        actual = np.concatenate(worker.ask(END_TO_END, files, None))
        error = np.abs(actual - expected).max() / np.abs(expected).max()
        if not error < _TOLERANCE:
            sys.exit(f"{worker.side.name}: outputs differ by {error:.2g} of the largest output")


def _times(
    workers: Sequence[_Worker], stage: str, files: Sequence[bytes], arguments: argparse.Namespace
) -> Rounds:
    """Return the seconds of an image on every side; compiled models run end to end only."""
    timed = {
        worker.side.name: partial(worker.ask, stage, files, arguments.seconds)
        for worker in workers
        if stage == END_TO_END or worker.side.name not in DOMAINS
    }
    return interleaved(timed, arguments.rounds)


def _row(network: Network, quality: int, threads: int, stage: str, times: Rounds) -> dict[str, Any]:
    return {
        "network": network.name,
        "quality": quality,
        "threads": threads,
        "stage": stage,
        "seconds": times.medians(),
        "ratios": times.ratios(ONNX_RUNTIME),
    }


def markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return a table: milliseconds of ONNX Runtime, and the ratios of the others to it."""
    names = list(dict.fromkeys(name for row in rows for name in row["ratios"]))
    others = [name for name in names if name != ONNX_RUNTIME]
    head = ["network", "quality", "threads", "stage", f"{ONNX_RUNTIME}, ms", *others]
    lines = []
    for row in rows:
        ratios = [f"{row['ratios'][n]:.2f}" if n in row["ratios"] else "-" for n in others]
        time_ = f"{1e3 * row['seconds'][ONNX_RUNTIME]:.2f}"
        lead = [row["network"], row["quality"], row["threads"], row["stage"], time_]
        lines.append([str(value) for value in lead] + ratios)
    return markdown_table(head, lines)


def main() -> None:
    """Measure and print the table."""
    parser = network_parser(__doc__, [network.name for network in NETWORKS])
    add_timing_options(parser)
    parser.add_argument("--quality", type=positive_numbers, default=[75, 90])
    print(markdown(measure_networks("end_to_end", NETWORKS, measured, parser.parse_args())))


if __name__ == "__main__":
    main()
