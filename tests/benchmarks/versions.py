"""How fast one installed version of jpegcompile is, in units of another one's time.

    python tests/benchmarks/versions.py OTHER_PYTHON CACHE [--network NAME,...] [--rounds 7]

OTHER_PYTHON is an interpreter that has the other version installed, usually the one before a
change; the interpreter that runs this script has the newer one. Each version compiles the networks
of `networks.py` by itself and keeps each of them open in a process with one thread. The outputs of
both have to agree; then the two processes run by turns, so that both meet the same state of the
machine. Prints the ratios new / old of the time of a run, of opening a session and of the peak
memory, one row for each network, domain and kind of input, and their geometric means.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import geometric_mean, median
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.networks import DOMAINS, INPUTS, NETWORKS, Network, source_of

from jpegcompile.target.base import CPU_PROVIDERS

FEWEST_ROUNDS = 7
# A run lasts about so long, or longer if one call does.
_SECONDS = 0.4
# Both versions make the same graphs, whose sums are rounded alike.
_TOLERANCE = 2e-6

# Public names alone, so that they run in any version. A process of its own compiles, since the peak
# memory is that of a session.
_COMPILE = """
import json, sys
import jpegcompile
source, path, options = json.loads(sys.argv[1])
jpegcompile.compile(source, **options).save(path)
"""
_WORKER = """
import json, sys, time
import numpy as np
import jpegcompile
import onnxruntime
path, feeds_file, outputs_file = json.loads(sys.argv[1])
def session():
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.register_custom_ops_library(str(jpegcompile.custom_ops_library()))
    return onnxruntime.InferenceSession(path, options, providers=["%s"])
opened, feeds = None, dict(np.load(feeds_file))
for line in sys.stdin:
    verb, seconds = line.split()
    if verb == "open":
        opened, start = None, time.perf_counter()
        opened = session()
        told = time.perf_counter() - start
        outputs = opened.run(None, feeds)
        np.savez(outputs_file, **{str(i): o for i, o in enumerate(outputs)})
    elif verb == "run":
        times, stop = [], time.perf_counter() + float(seconds)
        while not times or time.perf_counter() < stop:
            start = time.perf_counter()
            opened.run(None, feeds)
            times.append(time.perf_counter() - start)
        told = min(times)
    else:
        peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM:"))
        told = int(peak.split()[1]) / 1024
    print(json.dumps(told), flush=True)
"""


@dataclass(frozen=True)
class Row:
    """Ratios new / old of one network, domain and kind of input."""

    name: str
    run: float
    opening: float
    memory: float


class Version:
    """A process of one version that runs a network which that version compiled."""

    def __init__(
        self, python: str, source: Path, options: dict[str, Any], files: list[str]
    ) -> None:
        """Compile the network and start the process.

        Args:
            python: the version's interpreter.
            source: the network.
            options: of `compile`.
            files: the compiled model, which is written; inputs, and outputs, which are written.
        """
        given = json.dumps([str(source), files[0], options])
        subprocess.run([python, "-P", "-c", _COMPILE, given], check=True)
        self._process = subprocess.Popen(
            [python, "-P", "-c", _WORKER % CPU_PROVIDERS[0], json.dumps(files)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, verb: str, seconds: float = 0.0) -> float:
        """Seconds that it took to open the session or run it once, or megabytes at the peak."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{verb} {seconds}\n")
        self._process.stdin.flush()
        return float(self._answer())

    def close(self) -> None:
        """End the process."""
        self._process.communicate()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            sys.exit(f"a version failed with exit code {self._process.wait()}")
        return json.loads(line)


def feeds_of(network: Network, kind: str) -> dict[str, np.ndarray[Any, Any]]:
    """Inputs of one image: noise, or coefficients of which most are zero."""
    generator, side = np.random.default_rng(0), network.size
    if kind == "tensor":
        pixels = generator.standard_normal((1, 3, side, side))
        return {"x": pixels.astype(np.float32)}

    def blocks(components: int, size: int) -> np.ndarray[Any, Any]:
        count = -(-size // 8)
        values = generator.integers(-60, 60, (1, components, count, count, 8, 8))
        decay = np.add.outer(np.arange(8), np.arange(8))
        return np.where(decay < 3, values // (1 + decay), 0).astype(np.int16)

    tables = np.full((1, 3, 8, 8), 8, np.uint16)
    return {"luma": blocks(1, side), "chroma": blocks(2, side // 2), "quantization": tables}


def measured(
    network: Network, domain: str, kind: str, python: str, cache: Path, rounds: int
) -> Row:
    """Time both versions by turns, after checking that they agree."""
    source, name = source_of(network, cache), f"{network.name}, {domain}, {kind}"
    with tempfile.TemporaryDirectory() as folder:
        feeds = feeds_of(network, kind)
        if kind == "tensor":
            import onnx

            graph = onnx.load(source, load_external_data=False).graph
            feeds = {graph.input[0].name: feeds["x"]}
        np.savez(f"{folder}/feeds.npz", **feeds)  # type: ignore[arg-type]
        options = {"input": kind, "domain": domain, "preprocess": network.preprocess}
        versions = {
            side: Version(
                interpreter,
                source,
                options,
                [f"{folder}/{side}.onnx", f"{folder}/feeds.npz", f"{folder}/{side}.npz"],
            )
            for side, interpreter in (("old", python), ("new", sys.executable))
        }
        times: dict[tuple[str, str], list[float]] = {}
        for index in range(rounds):
            for verb in ("open", "run"):
                for side in sorted(versions, reverse=bool(index % 2)):
                    told = versions[side].ask(verb, _SECONDS)
                    times.setdefault((verb, side), []).append(told)
            if index == 0:
                require_same(Path(folder), name)
        peaks = {side: version.ask("peak") for side, version in versions.items()}
        for version in versions.values():
            version.close()
    run, opening = (
        median(n / o for n, o in zip(times[verb, "new"], times[verb, "old"], strict=True))
        for verb in ("run", "open")
    )
    return Row(name, run, opening, peaks["new"] / peaks["old"])


def require_same(folder: Path, name: str) -> None:
    """Refuse to time what computes something else."""
    old, new = (dict(np.load(folder / f"{side}.npz")) for side in ("old", "new"))
    for key, expected in old.items():
        error = np.abs(new[key] - expected).max() / np.abs(expected).max()
        if not error <= _TOLERANCE:
            sys.exit(f"{name}: the versions differ by {error:.2g} of the largest output")


def rows_of(arguments: argparse.Namespace) -> Iterator[Row]:
    """A row for each network, domain and kind of input."""
    for network in NETWORKS:
        if arguments.network and network.name not in arguments.network:
            continue
        for domain in DOMAINS:
            for kind in INPUTS:
                cache, rounds = arguments.cache, arguments.rounds
                row = measured(network, domain, kind, arguments.other, cache, rounds)
                print(f"{row.name}: {row.run:.3f}", file=sys.stderr)
                yield row


def main() -> None:
    """Time, and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("other", help="interpreter that has the other version")
    parser.add_argument("cache", type=Path, help="folder of the source networks")
    parser.add_argument("--network", type=lambda text: text.split(","))
    parser.add_argument("--rounds", type=int, default=FEWEST_ROUNDS)
    arguments = parser.parse_args()
    if arguments.rounds < FEWEST_ROUNDS:
        parser.error(f"--rounds is {arguments.rounds}; give {FEWEST_ROUNDS} or more")
    arguments.cache.mkdir(parents=True, exist_ok=True)
    rows = list(rows_of(arguments))
    print("| network | run | opening | peak memory |\n|---|---|---|---|")
    for row in rows:
        print(f"| {row.name} | {row.run:.3f} | {row.opening:.3f} | {row.memory:.3f} |")
    means = (geometric_mean(getattr(r, key) for r in rows) for key in ("run", "opening", "memory"))
    print(f"| geometric mean | {' | '.join(f'{mean:.3f}' for mean in means)} |")


if __name__ == "__main__":
    main()
