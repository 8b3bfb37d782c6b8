"""How fast compiled networks are on two threads, by how far their cores are from each other.

    python tests/benchmarks/two_cores.py CACHE [--network NAME,...] [--domain jpeg,auto]
        [--larger-batch] [--rounds N]

The host of a virtual machine moves its processors: for seconds or minutes they share a last-level
cache, and then they do not, and what one has written costs the other four times as long. Medians of
both say nothing of either. So each round measures that distance (`cores.cc`, which needs a C++
compiler), times the original and the compiled network in turn, measures it again, and counts for
the state in which it was at both ends; rounds in between count for none. Outputs are checked
before. Prints a table in Markdown: milliseconds of the original, and medians of the rounds' ratios.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.command import names_of
from benchmarks.networks import DOMAINS, NETWORKS, Network, compile_into, source_of

from jpegcompile.runtime.native import custom_ops_library, register
from jpegcompile.target.base import CPU_PROVIDERS

# Nanoseconds from core to core: below are those of one cache, above those of two.
NEAR, FAR = 120.0, 180.0
STATES = ("near", "far")
# Of the largest score: some dozen layers, each of which rounds by some 1e-6 of it.
TOLERANCE = 1e-4
SECONDS = 0.15
# Threads of ONNX Runtime spin that long behind a run.
QUIET = 0.06

Run = Callable[[], Any]


def distance_meter(folder: Path) -> Callable[[], float]:
    """Compile `cores.cc`; what it prints, in nanoseconds."""
    compiler = shutil.which("c++") or sys.exit("needs a C++ compiler, c++, to tell where cores are")
    source, program = Path(__file__).with_name("cores.cc"), folder / "cores"
    subprocess.run([compiler, "-std=c++20", "-O2", "-pthread", source, "-o", program], check=True)
    # What it complains of, on stderr, is for whoever runs this.
    return lambda: float(subprocess.run([program], check=True, stdout=subprocess.PIPE).stdout)


def session(path: Path) -> ort.InferenceSession:
    """A session of two threads, with native kernels."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 2
    options.log_severity_level = 3
    library = custom_ops_library() or sys.exit("there are no native kernels in this installation")
    register(options, library)
    return ort.InferenceSession(path, options, providers=list(CPU_PROVIDERS))


def median_time(run: Run) -> float:
    """Milliseconds."""
    time.sleep(QUIET)
    run()
    run()
    times: list[float] = []
    end = time.perf_counter() + SECONDS
    while len(times) < 3 or time.perf_counter() < end:
        begin = time.perf_counter()
        run()
        times.append(1e3 * (time.perf_counter() - begin))
    return statistics.median(times)


def runs_of(paths: Mapping[str, Path], batch: int, size: int) -> dict[str, Run]:
    """One run of each; exits if their outputs differ."""
    values = np.random.default_rng(0).standard_normal((batch, 3, size, size)).astype(np.float32)
    runs: dict[str, Run] = {}
    outputs: dict[str, Any] = {}
    for name, path in paths.items():
        model = session(path)
        feed = {model.get_inputs()[0].name: values}
        runs[name] = lambda model=model, feed=feed: model.run(None, feed)  # type: ignore[misc]
        outputs[name] = runs[name]()[0]
    for name, output in outputs.items():
        error = np.abs(output - outputs["original"]).max() / np.abs(outputs["original"]).max()
        if not error <= TOLERANCE:
            sys.exit(f"{paths[name]}: differs from the original by {error:.1e}")
    return runs


def rounds_of(runs: Mapping[str, Run], count: int, distance: Callable[[], float]) -> dict[str, Any]:
    """Times of each round, by state."""
    rounds: dict[str, list[dict[str, float]]] = {state: [] for state in STATES}
    names = list(runs)
    for index in range(count):
        first = index % len(names)
        begin = distance()
        times = {name: median_time(runs[name]) for name in [*names[first:], *names[:first]]}
        end = distance()
        if max(begin, end) < NEAR:
            rounds["near"].append(times)
        elif min(begin, end) > FAR:
            rounds["far"].append(times)
    return rounds


def row(network: Network, domain: str, rounds: Mapping[str, Sequence[Mapping[str, float]]]) -> str:
    """A line of the table."""
    cells = [network.name, domain]
    for state in STATES:
        times = rounds[state]
        if not times:
            cells += ["-", "-", "0"]
            continue
        original = statistics.median(one["original"] for one in times)
        ratio = statistics.median(one[domain] / one["original"] for one in times)
        cells += [f"{original:.2f}", f"{ratio:.2f}", str(len(times))]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Measure and print the table."""
    names = [network.name for network in NETWORKS]
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("cache", type=Path, metavar="CACHE", help="folder for the networks")
    parser.add_argument("--network", type=names_of(names), default=names)
    parser.add_argument("--domain", type=names_of(DOMAINS), default=list(DOMAINS))
    parser.add_argument("--larger-batch", action="store_true", help="8 images, or 32 small ones")
    parser.add_argument("--rounds", type=int, default=12)
    arguments = parser.parse_args()
    arguments.cache.mkdir(parents=True, exist_ok=True)
    print("| network | domain | near: ms | ratio | rounds | far: ms | ratio | rounds |")
    print("|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        distance = distance_meter(Path(folder))
        for network in NETWORKS:
            if network.name not in arguments.network:
                continue
            paths = {"original": source_of(network, arguments.cache)}
            for domain in arguments.domain:
                paths[domain] = arguments.cache / f"{network.name}.{domain}.tensor.onnx"
                options = {"input": "tensor", "preprocess": network.preprocess}
                compile_into(paths[domain], paths["original"], domain, options)
            batch = network.batches[arguments.larger_batch]
            rounds = rounds_of(runs_of(paths, batch, network.size), arguments.rounds, distance)
            for domain in arguments.domain:
                print(row(network, domain, rounds), flush=True)


if __name__ == "__main__":
    main()
