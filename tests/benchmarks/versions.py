"""Compare the speed of two installed versions of jpegcompile.

    python tests/benchmarks/versions.py OTHER_PYTHON CACHE [--network NAME,...] [--rounds N]
        [--json FILE]

OTHER_PYTHON is an interpreter with the other version, usually the one before a change. The
interpreter that runs this script has the newer version. Each version compiles the networks of
`networks.py` and keeps each of them open in a process with one thread. The outputs of both versions
must agree. Then both processes run in interleaved rounds. The benchmark prints ratios new / old of
the time of a run, the time to open a session, and the peak memory, in one row for each network,
`--domain` and `--input`, and their geometric means.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import geometric_mean
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.command import add_network_options, markdown_table
from benchmarks.networks import DOMAINS, INPUTS, NETWORKS, Network, source_of

from jpegcompile.evaluation.benchmark.record import Record, parser_for
from jpegcompile.evaluation.benchmark.rounds import Rounds, rotated
from jpegcompile.target.base import CPU_PROVIDERS

FEWEST_ROUNDS = 7
# Seconds for the calls of a round.
_SECONDS = 0.4
# Both versions make the same graphs, so they round sums in the same way.
_TOLERANCE = 2e-6

# These programs use public names only, so that they run in any version. Compilation has its own
# process, because it would raise the peak memory of the process with the session.
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
    """Ratios new / old of one network with one `--domain` and `--input`.

    Attributes:
        name: network, domain and input.
        run, opening: ratios of the time of a run, and of opening a session.
        memory: ratio of the peak memory.
    """

    name: str
    run: float
    opening: float
    memory: float


class Version:
    """A process of one version, which runs a network compiled by the same version."""

    def __init__(
        self, python: str, source: Path, options: dict[str, Any], files: list[str]
    ) -> None:
        """Compile the network and start the process.

        Args:
            python: interpreter of the version.
            source: path of the network.
            options: arguments of `compile`.
            files: paths of the compiled model, which is written here; of the inputs; and of the
                outputs, which the process writes.
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
        """Return the answer to "open" or "run", in seconds, or to "peak", in megabytes."""
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
    """Return the inputs for one image: noise, or coefficients that are mostly zero."""
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
    """Check that both versions agree, then time them in interleaved rounds."""
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
        times: dict[str, dict[str, list[float]]] = {
            verb: {side: [] for side in versions} for verb in ("open", "run")
        }
        for index in range(rounds):
            for verb, seconds in times.items():
                for side in rotated(list(versions), index):
                    seconds[side].append(versions[side].ask(verb, _SECONDS))
            if index == 0:
                require_same(Path(folder), name)
        peaks = {side: version.ask("peak") for side, version in versions.items()}
        for version in versions.values():
            version.close()
    run, opening = (Rounds(times[verb]).ratio("new", "old") for verb in ("run", "open"))
    return Row(name, run, opening, peaks["new"] / peaks["old"])


def require_same(folder: Path, name: str) -> None:
    """Exit if the outputs of both versions differ."""
    old, new = (dict(np.load(folder / f"{side}.npz")) for side in ("old", "new"))
    for key, expected in old.items():
        error = np.abs(new[key] - expected).max() / np.abs(expected).max()
        if not error <= _TOLERANCE:
            sys.exit(f"{name}: the versions differ by {error:.2g} of the largest output")


def rows_of(arguments: argparse.Namespace) -> Iterator[Row]:
    """Yield a row for each network, `--domain` and `--input`."""
    for network in NETWORKS:
        if network.name not in arguments.network:
            continue
        for domain in DOMAINS:
            for kind in INPUTS:
                cache, rounds = arguments.cache, arguments.rounds
                row = measured(network, domain, kind, arguments.other, cache, rounds)
                print(f"{row.name}: {row.run:.3f}", file=sys.stderr)
                yield row


def main() -> None:
    """Measure and print a table in Markdown."""
    parser = parser_for(__doc__, rounds=FEWEST_ROUNDS)
    parser.add_argument("other", help="interpreter with the other version")
    add_network_options(parser, [network.name for network in NETWORKS])
    arguments = parser.parse_args()
    if arguments.rounds < FEWEST_ROUNDS:
        parser.error(f"--rounds is {arguments.rounds}; give {FEWEST_ROUNDS} or more")
    arguments.cache.mkdir(parents=True, exist_ok=True)
    rows = list(rows_of(arguments))
    keys = ("run", "opening", "memory")
    means = {key: geometric_mean(getattr(row, key) for row in rows) for key in keys}
    rows.append(Row("geometric mean", **means))
    if arguments.json:
        settings = {"rounds": arguments.rounds}
        Record("versions", [asdict(row) for row in rows], settings).write(arguments.json)
    cells = [[row.name, *(f"{getattr(row, key):.3f}" for key in keys)] for row in rows]
    print(markdown_table(["network", "run", "opening", "peak memory"], cells))


if __name__ == "__main__":
    main()
