"""How much faster a trained network is for what truncation leaves out of it.

    python tests/benchmarks/truncated_network.py MODEL.onnx IMAGES [--preprocess NAME]
        [--max-drop POINTS | --truncate N] [--batch N] [--rounds N]

Compiles the model as it is, and with what results keep chosen by a search for a loss of at most
POINTS of top-1 (1 if not given) on IMAGES, a folder of JPEG files for each class; masks stay exact.
Checks that both give what their function bodies give, then times their nodes in turn, on one
thread, and prints the time of the 1x1 convolutions beside their arithmetic, and that of the whole.
Nodes of which one counts are called alike in both. `trained_bottleneck.py` makes a model.
"""

from __future__ import annotations

import argparse
import statistics
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
from jpegcompile.frequency_plan import frequency_plan
from jpegcompile.runtime.native import custom_ops_library

POINTWISE = "JpegPointwiseConv"
# Of the largest score: two dozen layers, each of which rounds by some 1e-6 of it.
TOLERANCE = 1e-4
CHECKED = 64


@dataclass(frozen=True)
class Arithmetic:
    """Multiply-adds of a node for one image."""

    products: float
    transforms: float

    @property
    def total(self) -> float:
        return self.products + self.transforms


def arithmetic_of(node: onnx.NodeProto, weights: Mapping[str, Any]) -> Arithmetic:
    """What a 1x1 convolution computes, by the bands that it is told; maps are square."""
    told = {a.name: a.i for a in node.attribute}
    block, (outputs, inputs) = told["block"], weights[node.input[1]].shape[:2]
    whole = full(block)
    read = told.get("x_frequencies") or whole
    # The last input is a matrix of the width, or a map of the size.
    pixels = weights[node.input[-1]].shape[1] ** 2
    products = pixels * outputs * inputs * band_share(block, read)
    if node.op_type in (POINTWISE, f"{POINTWISE}Add"):
        return Arithmetic(products, 0.0)
    added = (told.get("residual_frequencies") or whole) if "Add" in node.op_type else 0
    made = told.get("frequencies", whole)
    cost = transform_cost(block, max(read, added)) + transform_cost(block, made)
    return Arithmetic(products, pixels * outputs * cost)


class Timed:
    """A compiled model whose nodes are timed."""

    def __init__(self, path: Path, folder: Path, feeds: Mapping[str, Any]) -> None:
        """Open a session of one thread that keeps times of nodes, and one that does not."""
        self.path, self._feeds = path, feeds
        model = onnx.load(path)
        self.nodes = {node.name: node for node in model.graph.node}
        self.weights = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
        self._whole = self._session(None)
        self._profiled = self._session(folder / path.stem)
        self._runs = 0
        self.seconds: list[float] = []

    def _session(self, profile: Path | None) -> ort.InferenceSession:
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.register_custom_ops_library(str(custom_ops_library()))
        if profile is not None:
            options.enable_profiling = True
            options.profile_file_prefix = str(profile)
        return ort.InferenceSession(str(self.path), options)

    def run(self) -> None:
        """One timed run, of the processor, and one of nodes."""
        start = time.process_time()
        self._whole.run(None, self._feeds)
        self.seconds.append(time.process_time() - start)
        self._profiled.run(None, self._feeds)
        self._runs += 1

    def node_seconds(self) -> dict[str, float]:
        """Median time of each node."""
        profile = Path(self._profiled.end_profiling())
        return {entry.node: entry.seconds for entry in node_times(profile, self._runs, 2)}


def check(path: Path, files: list[Path]) -> None:
    """Kernels give what function bodies give.

    Raises:
        AssertionError: if they do not.
    """
    native, bodies = (jpegcompile.load(path, native=on).run(files)[0] for on in (True, False))
    allowed = TOLERANCE * float(np.abs(bodies).max())
    difference = float(np.abs(native - bodies).max())
    assert difference <= allowed, f"{path.name}: kernels are off by {difference:g}"


def show(whole: Timed, few: Timed) -> None:
    """Print the nodes in the order of the file, and sums."""
    before, after = whole.node_seconds(), few.node_seconds()
    print("node, frequencies read and kept: time, ratio; coefficients read, arithmetic")
    sums = np.zeros(6)
    for name, node in few.nodes.items():
        if not node.op_type.startswith(POINTWISE):
            continue
        told = {a.name: a.i for a in node.attribute}
        most = full(told["block"])
        was = arithmetic_of(whole.nodes[name], whole.weights)
        now = arithmetic_of(node, few.weights)
        sums += [
            *(before[name], after[name]),
            *(was.products, now.products),
            *(was.total, now.total),
        ]
        read, kept = told.get("x_frequencies") or most, told.get("frequencies", most)
        print(
            f"{name[-40:]:>40} {node.op_type.removeprefix(POINTWISE):16} {read:2}/{most}"
            f" {kept:2}/{most}: {before[name] * 1e3:.3f} -> {after[name] * 1e3:.3f} ms"
            f" ({after[name] / before[name]:.2f}); {now.products / was.products:.2f},"
            f" {now.total / was.total:.2f}"
        )
    print(
        f"1x1 convolutions: {sums[0] * 1e3:.3f} -> {sums[1] * 1e3:.3f} ms, ratio"
        f" {sums[1] / sums[0]:.3f}; coefficients read {sums[3] / sums[2]:.3f}, arithmetic"
        f" {sums[5] / sums[4]:.3f}"
    )
    medians = [statistics.median(timed.seconds) for timed in (whole, few)]
    print(
        f"whole model: {medians[0] * 1e3:.3f} -> {medians[1] * 1e3:.3f} ms of one processor, ratio"
        f" {medians[1] / medians[0]:.3f}"
    )


def plan_for(arguments: argparse.Namespace) -> FrequencyPlan:
    """By the number that is given, or by a search."""
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
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("images", type=Path)
    parser.add_argument("--preprocess", default="cifar10")
    parser.add_argument("--max-drop", type=float, default=1.0)
    parser.add_argument("--truncate", type=int)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=31)
    arguments = parser.parse_args()
    if custom_ops_library() is None:
        sys.exit("no native library is installed")
    files = sorted(arguments.images.rglob("*.jpg"))
    chosen = files[:: max(len(files) // CHECKED, 1)][:CHECKED]
    with tempfile.TemporaryDirectory(prefix="jpegcompile-bench-") as name:
        folder, timed = Path(name), []
        for title, plan in (("whole", FrequencyPlan()), ("few", plan_for(arguments))):
            path = folder / f"{title}.onnx"
            jpegcompile.compile(
                arguments.model, preprocess=arguments.preprocess, frequencies=plan
            ).save(path)
            check(path, chosen)
            feeds = jpegcompile.load(path).feeds(chosen[: arguments.batch])
            timed.append(Timed(path, folder, feeds))
        for _ in range(arguments.rounds):
            for one in timed:
                one.run()
        show(*timed)


if __name__ == "__main__":
    main()
