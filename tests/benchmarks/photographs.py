"""Measure images a second on photographs of any size, from JPEG files to a network's outputs.

    python tests/benchmarks/photographs.py CACHE PHOTOS [--network NAME,...] [--domain jpeg,auto]
        [--rivals NAME,...] [--batch N] [--threads 1,2] [--rounds N] [--seconds S] [--json FILE]

The benchmark compiles networks of `networks.py` with the preset `imagenet` and runs `jpegcompile
bench`, which checks the outputs first, on the folder PHOTOS. It prints a table in Markdown. With
one thread, reading and computing alternate; with more threads they are pipelined. The folder CACHE
keeps the networks.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.command import (
    add_timing_options,
    markdown_table,
    measure_networks,
    names_among,
    network_parser,
)
from benchmarks.networks import DOMAINS, NETWORKS, Network, compile_into, rows_of, source_of

import jpegcompile
from jpegcompile.evaluation.benchmark.rivals.registry import RIVALS

_RIVALS = ["pillow", "simplejpeg+opencv"]


def measured(network: Network, arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yield the result of `bench` for each value of `--domain`."""
    source = source_of(network, arguments.cache)
    for domain in arguments.domain:
        path = arguments.cache / f"{network.name}.{domain}.photographs.onnx"
        compile_into(path, source, domain, {"preprocess": "imagenet"})
        print(f"{network.name}, {domain}", file=sys.stderr)
        result = jpegcompile.bench(
            source,
            path,
            arguments.photos,
            batches=[arguments.batch],
            threads=arguments.threads,
            rounds=arguments.rounds,
            seconds=arguments.seconds,
            rivals=arguments.rivals,
        )
        yield {"network": network.name, "domain": domain, **result.to_json()}


def markdown(results: Sequence[Mapping[str, Any]]) -> str:
    """Return a table: images a second of the compiled model and of each rival, and speedups."""
    rivals = list(results[0]["rivals"])
    head = ["network", "domain", "threads", "compiled"]
    for rival in rivals:
        head += [rival, "times"]
    rows = [
        [result["network"], result["domain"], *_row(cell, rivals)]
        for result in results
        for cell in result["cells"]
    ]
    return markdown_table(head, rows)


def _row(cell: Mapping[str, Any], rivals: Sequence[str]) -> list[str]:
    """Return the cells of the table for one number of threads."""
    stage = "end to end" if cell["threads"] == 1 else "pipelined"
    timing = next(timing for timing in cell["timings"] if timing["stage"] == stage)
    speeds = {side: cell["batch"] / seconds for side, seconds in timing["seconds"].items()}
    row = [f"{cell['threads']}, {stage}", f"{speeds['compiled']:.1f}"]
    for rival in rivals:
        row += [f"{speeds[rival]:.1f}", f"{1 / timing['ratio_to'][rival]['compiled']:.2f}"]
    return row


def main() -> None:
    """Measure and print the table."""
    names = [network.name for network in NETWORKS if network.size == 224]
    parser = network_parser(__doc__, names, chosen=["ResNet-18", "ResNet-50"], rounds=7)
    add_timing_options(parser)
    parser.add_argument("photos", type=Path, metavar="PHOTOS", help="folder of JPEG files")
    parser.add_argument("--domain", type=names_among(DOMAINS), default=list(DOMAINS))
    parser.add_argument("--rivals", type=names_among(list(RIVALS)), default=_RIVALS)
    parser.add_argument("--batch", type=int, default=8)
    arguments = parser.parse_args()
    print(markdown(measure_networks("photographs", NETWORKS, measured, arguments, rows_of)))


if __name__ == "__main__":
    main()
