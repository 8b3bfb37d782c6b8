"""Time compiled networks on two threads, by the distance of the two cores.

    python tests/benchmarks/two_cores.py CACHE [--network NAME,...] [--domain jpeg,auto]
        [--larger-batch] [--rounds N] [--json FILE]

The host of a virtual machine moves its processors. For seconds or minutes they share a last-level
cache; then they do not, and reading data that the other core wrote takes four times as long. A
median over both states describes neither. So each round measures the distance (`cores.cc`, which
needs a C++ compiler), times the original and the compiled networks, and measures the distance
again. A round counts for a state if both measurements show that state; other rounds do not count.
The benchmark checks outputs first. It prints a table in Markdown: milliseconds of the original, and
medians of the ratios within a round.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.command import markdown_table, measure_networks, names_among, network_parser
from benchmarks.networks import DOMAINS, NETWORKS, Network, compile_into, source_of

from jpegcompile.evaluation.benchmark.rounds import Rounds, median_for, rotated
from jpegcompile.runtime.native import custom_ops_library, register
from jpegcompile.target.base import CPU_PROVIDERS

# Nanoseconds from core to core: cores below `NEAR` share a cache, cores above `FAR` do not.
NEAR, FAR = 120.0, 180.0
STATES = ("near", "far")
ORIGINAL = "original"
# Fraction of the largest score: dozens of layers round by about 1e-6 each.
TOLERANCE = 1e-4
SECONDS = 0.15
# Idle threads of ONNX Runtime spin for less than this after a run, seconds.
QUIET = 0.06

Run = Callable[[], Any]


def distance_meter(folder: Path) -> Callable[[], float]:
    """Compile `cores.cc` and return a function that runs it and returns nanoseconds."""
    compiler = shutil.which("c++") or sys.exit("there is no C++ compiler (c++); install one")
    source, program = Path(__file__).with_name("cores.cc"), folder / "cores"
    subprocess.run([compiler, "-std=c++20", "-O2", "-pthread", source, "-o", program], check=True)
    return lambda: float(subprocess.run([program], check=True, stdout=subprocess.PIPE).stdout)


def session(path: Path) -> ort.InferenceSession:
    """Open a session of two threads, with native kernels."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 2
    options.log_severity_level = 3
    library = custom_ops_library() or sys.exit("this installation has no native kernels")
    register(options, library)
    return ort.InferenceSession(path, options, providers=list(CPU_PROVIDERS))


def median_time(run: Run) -> float:
    """Return the median seconds of a run, once other threads are quiet."""
    time.sleep(QUIET)
    return median_for(run, SECONDS, warm_up=2, fewest=3)


def runs_of(paths: Mapping[str, Path], batch: int, size: int) -> dict[str, Run]:
    """Return functions that run each model; exit if their outputs differ."""
    values = np.random.default_rng(0).standard_normal((batch, 3, size, size)).astype(np.float32)
    runs: dict[str, Run] = {}
    outputs: dict[str, Any] = {}
    for name, path in paths.items():
        model = session(path)
        feed = {model.get_inputs()[0].name: values}
        runs[name] = lambda model=model, feed=feed: model.run(None, feed)  # type: ignore[misc]
        outputs[name] = runs[name]()[0]
    for name, output in outputs.items():
        error = np.abs(output - outputs[ORIGINAL]).max() / np.abs(outputs[ORIGINAL]).max()
        if not error <= TOLERANCE:
            sys.exit(f"{paths[name]}: outputs differ from the original's by {error:.1e}")
    return runs


def rounds_of(
    runs: Mapping[str, Run], count: int, distance: Callable[[], float]
) -> dict[str, Rounds]:
    """Return the times of the rounds of each state."""
    rounds: dict[str, dict[str, list[float]]] = {
        state: {name: [] for name in runs} for state in STATES
    }
    for number in range(count):
        begin = distance()
        times = {name: median_time(runs[name]) for name in rotated(list(runs), number)}
        end = distance()
        state = "near" if max(begin, end) < NEAR else "far" if min(begin, end) > FAR else None
        if state is not None:
            for name, seconds in times.items():
                rounds[state][name].append(seconds)
    return {state: Rounds(seconds) for state, seconds in rounds.items()}


def row_of(network: Network, domain: str, rounds: Mapping[str, Rounds]) -> dict[str, Any]:
    """Return the figures of a network and a value of `--domain`, by state."""
    row: dict[str, Any] = {"network": network.name, "domain": domain}
    for state in STATES:
        found, count = rounds[state], len(rounds[state].seconds[ORIGINAL])
        row[state] = {
            "seconds": found.median(ORIGINAL) if count else None,
            "ratio": found.ratio(domain, ORIGINAL) if count else None,
            "rounds": count,
        }
    return row


def cells_of(row: Mapping[str, Any]) -> list[str]:
    """Return the cells of a line of the table."""
    cells = [row["network"], row["domain"]]
    for state in STATES:
        of = row[state]
        is_measured = of["rounds"] > 0
        cells += [f"{1e3 * of['seconds']:.2f}", f"{of['ratio']:.2f}"] if is_measured else ["-", "-"]
        cells.append(str(of["rounds"]))
    return cells


def main() -> None:
    """Measure and print the table."""
    names = [network.name for network in NETWORKS]
    parser = network_parser(__doc__, names, rounds=12)
    parser.add_argument("--domain", type=names_among(DOMAINS), default=list(DOMAINS))
    parser.add_argument("--larger-batch", action="store_true", help="8 images, or 32 small ones")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        distance = distance_meter(Path(folder))

        def measured(network: Network, arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
            paths = {ORIGINAL: source_of(network, arguments.cache)}
            for domain in arguments.domain:
                paths[domain] = arguments.cache / f"{network.name}.{domain}.tensor.onnx"
                options = {"input": "tensor", "preprocess": network.preprocess}
                compile_into(paths[domain], paths[ORIGINAL], domain, options)
            batch = network.batches[arguments.larger_batch]
            rounds = rounds_of(runs_of(paths, batch, network.size), arguments.rounds, distance)
            for domain in arguments.domain:
                yield {**row_of(network, domain, rounds), "batch": batch}

        results = measure_networks("two_cores", NETWORKS, measured, arguments)
    head = ["network", "domain"]
    for state in STATES:
        head += [f"{state}: ms", "ratio", "rounds"]
    print(markdown_table(head, map(cells_of, results)))


if __name__ == "__main__":
    main()
