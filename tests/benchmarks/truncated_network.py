"""Measure the speedup of a trained network by truncated coefficients.

    python tests/benchmarks/truncated_network.py MODEL.onnx IMAGES [--preprocess NAME]
        [--max-drop POINTS | --truncate N] [--batch N] [--rounds N] [--json FILE]

The benchmark compiles the model twice: exactly, and with truncated results but exact masks. Without
`--truncate` a search chooses the kept frequencies, for a loss of at most POINTS (1) percentage
points of top-1 on IMAGES, a folder with a folder of JPEG files for each class. The benchmark
compares both models with their function bodies. Then it times the models and their nodes in
interleaved rounds, on one thread. It prints the time and the arithmetic of the 1x1 convolutions,
which have the same names in both models, and the time of the whole models. `trained_bottleneck.py`
makes a model.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from onnx import numpy_helper

import jpegcompile
from jpegcompile import FrequencyPlan
from jpegcompile.dct.frequencies import band_share, full, transform_cost
from jpegcompile.evaluation.benchmark.operators import node_times
from jpegcompile.evaluation.benchmark.record import Record, parser_for
from jpegcompile.evaluation.benchmark.rounds import Rounds, interleaved
from jpegcompile.frequency_plan import frequency_plan
from jpegcompile.runtime.native import custom_ops_library

POINTWISE = "JpegPointwiseConv"
# Fraction of the largest score: two dozen layers round by about 1e-6 each.
TOLERANCE = 1e-4
CHECKED = 64


@dataclass(frozen=True)
class Arithmetic:
    """Multiply-adds of a node for one image."""

    products: float
    transforms: float

    @property
    def total(self) -> float:
        """Return the multiply-adds of products and transforms."""
        return self.products + self.transforms


def arithmetic_of(node: onnx.NodeProto, weights: Mapping[str, Any]) -> Arithmetic:
    """Return the arithmetic of a 1x1 convolution of square maps, from its attributes."""
    told = {a.name: a.i for a in node.attribute}
    block, (outputs, inputs) = told["block"], weights[node.input[1]].shape[:2]
    whole = full(block)
    read = told.get("x_frequencies") or whole
    # The last input is a matrix as wide as the map, or a map of the same size.
    pixels = weights[node.input[-1]].shape[1] ** 2
    products = pixels * outputs * inputs * band_share(block, read)
    if node.op_type in (POINTWISE, f"{POINTWISE}Add"):
        return Arithmetic(products, 0.0)
    added = (told.get("residual_frequencies") or whole) if "Add" in node.op_type else 0
    made = told.get("frequencies", whole)
    cost = transform_cost(block, max(read, added)) + transform_cost(block, made)
    return Arithmetic(products, pixels * outputs * cost)


class Timed:
    """A compiled model whose runs and nodes are timed."""

    def __init__(self, path: Path, folder: Path, feeds: Mapping[str, Any]) -> None:
        """Open two sessions of one thread; one of them profiles nodes."""
        self.path, self._feeds = path, feeds
        model = onnx.load(path)
        self.nodes = {node.name: node for node in model.graph.node}
        self.weights = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
        self._whole = self._session(None)
        self._profiled = self._session(folder / path.stem)
        self._runs = 0

    def _session(self, profile: Path | None) -> ort.InferenceSession:
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.register_custom_ops_library(str(custom_ops_library()))
        if profile is not None:
            options.enable_profiling = True
            options.profile_file_prefix = str(profile)
        return ort.InferenceSession(str(self.path), options)

    def seconds(self) -> float:
        """Run once, return the processor time, and run once with the profile of nodes."""
        start = time.process_time()
        self._whole.run(None, self._feeds)
        taken = time.process_time() - start
        self._profiled.run(None, self._feeds)
        self._runs += 1
        return taken

    def node_seconds(self) -> dict[str, float]:
        """Return the median time of each node."""
        profile = Path(self._profiled.end_profiling())
        return {entry.node: entry.seconds for entry in node_times(profile, self._runs, 2)}


def check(path: Path, files: list[Path]) -> None:
    """Compare native kernels with function bodies.

    Raises:
        AssertionError: if their outputs differ.
    """
    native, bodies = (jpegcompile.load(path, native=on).run(files)[0] for on in (True, False))
    allowed = TOLERANCE * float(np.abs(bodies).max())
    difference = float(np.abs(native - bodies).max())
    assert difference <= allowed, f"{path.name}: outputs of kernels differ by {difference:g}"


def node_rows(whole: Timed, few: Timed) -> list[dict[str, Any]]:
    """Return a row for each 1x1 convolution, in the order of the file."""
    before, after = whole.node_seconds(), few.node_seconds()
    rows = []
    for name, node in few.nodes.items():
        if not node.op_type.startswith(POINTWISE):
            continue
        told = {a.name: a.i for a in node.attribute}
        most = full(told["block"])
        was = arithmetic_of(whole.nodes[name], whole.weights)
        now = arithmetic_of(node, few.weights)
        rows.append(
            {
                "node": name,
                "form": node.op_type.removeprefix(POINTWISE),
                "frequencies": most,
                "frequencies_read": told.get("x_frequencies") or most,
                "frequencies_kept": told.get("frequencies", most),
                "seconds": {"whole": before[name], "few": after[name]},
                "products": {"whole": was.products, "few": now.products},
                "arithmetic": {"whole": was.total, "few": now.total},
            }
        )
    return rows


def ratio(row: Mapping[str, Any], what: str) -> float:
    """Return a column of a row as a fraction of the exact model's."""
    return float(row[what]["few"] / row[what]["whole"])


def total(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the sums over all nodes."""
    return {
        what: {side: sum(row[what][side] for row in rows) for side in ("whole", "few")}
        for what in ("seconds", "products", "arithmetic")
    }


def show(rows: list[dict[str, Any]], found: Rounds) -> None:
    """Print the nodes, and sums."""
    print("node, frequencies read and kept: time, ratio; coefficients read, arithmetic")
    for row in rows:
        most, times = row["frequencies"], row["seconds"]
        print(
            f"{row['node'][-40:]:>40} {row['form']:16} {row['frequencies_read']:2}/{most}"
            f" {row['frequencies_kept']:2}/{most}: {times['whole'] * 1e3:.3f} ->"
            f" {times['few'] * 1e3:.3f} ms ({ratio(row, 'seconds'):.2f});"
            f" {ratio(row, 'products'):.2f}, {ratio(row, 'arithmetic'):.2f}"
        )
    sums = total(rows)
    print(
        f"1x1 convolutions: {sums['seconds']['whole'] * 1e3:.3f} ->"
        f" {sums['seconds']['few'] * 1e3:.3f} ms, ratio {ratio(sums, 'seconds'):.3f};"
        f" coefficients read {ratio(sums, 'products'):.3f}, arithmetic"
        f" {ratio(sums, 'arithmetic'):.3f}"
    )
    print(
        f"whole model: {found.median('whole') * 1e3:.3f} -> {found.median('few') * 1e3:.3f} ms of"
        f" one processor, ratio {found.ratio('few', 'whole'):.3f}"
    )


def plan_for(arguments: argparse.Namespace) -> FrequencyPlan:
    """Return the frequencies of `--truncate`, or of a search."""
    if arguments.truncate:
        return frequency_plan(truncate=arguments.truncate)
    found = jpegcompile.choose_frequencies(
        arguments.model,
        arguments.images,
        max_drop=arguments.max_drop,
        preprocess=arguments.preprocess,
        has_exact_masks=True,
    )
    print(
        f"kept {found.mean_truncate:.1f} of 15 on average; top-1 {found.verification.before:.4f} ->"
        f" {found.verification.after:.4f} on {found.verification.images} images that verify"
    )
    return found.plan


def main() -> None:
    """Compile, check, time and print."""
    parser = parser_for(__doc__, rounds=31)
    parser.add_argument("model", type=Path)
    parser.add_argument("images", type=Path)
    parser.add_argument("--preprocess", default="cifar10")
    parser.add_argument("--max-drop", type=float, default=1.0)
    parser.add_argument("--truncate", type=int)
    parser.add_argument("--batch", type=int, default=8)
    arguments = parser.parse_args()
    if custom_ops_library() is None:
        sys.exit("no native library is installed")
    files = sorted(arguments.images.rglob("*.jpg"))
    chosen = files[:: max(len(files) // CHECKED, 1)][:CHECKED]
    with tempfile.TemporaryDirectory(prefix="jpegcompile-bench-") as name:
        folder, timed = Path(name), dict[str, Timed]()
        for title, plan in (("whole", FrequencyPlan()), ("few", plan_for(arguments))):
            path = folder / f"{title}.onnx"
            jpegcompile.compile(
                arguments.model, preprocess=arguments.preprocess, frequencies=plan
            ).save(path)
            check(path, chosen)
            feeds = jpegcompile.load(path).feeds(chosen[: arguments.batch])
            timed[title] = Timed(path, folder, feeds)
        found = interleaved({t: one.seconds for t, one in timed.items()}, arguments.rounds)
        rows = node_rows(**timed)
    if arguments.json:
        whole = {"node": None, "seconds": found.medians(), "ratio": found.ratio("few", "whole")}
        settings = {"batch": arguments.batch, "rounds": arguments.rounds}
        Record("truncated_network", [*rows, whole], settings).write(arguments.json)
    show(rows, found)


if __name__ == "__main__":
    main()
