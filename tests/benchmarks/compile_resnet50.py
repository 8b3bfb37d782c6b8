"""Measure time and memory of compiling ResNet-50 with random weights, and the growth of its file.

    python tests/benchmarks/compile_resnet50.py [--rounds N] [--json FILE]

The benchmark verifies the compiled file against the original first. Each compilation runs in its
own process, so that the figures include the start of the interpreter and its memory.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from support.peak_memory import peak_memory
from support.zoo import resnet50

import jpegcompile
from jpegcompile.evaluation.benchmark.record import Record, parser_for
from jpegcompile.evaluation.benchmark.rounds import interleaved, timed

TARGETS = ("ort", "onnx")


def main() -> None:
    """Verify, measure and print medians of both targets."""
    arguments = parser_for(__doc__, rounds=5).parse_args()
    with tempfile.TemporaryDirectory() as folder:
        source, output = Path(folder) / "source.onnx", Path(folder) / "compiled.onnx"
        onnx.save(resnet50(), source)
        jpegcompile.compile(source, input="tensor").save(output)
        result = jpegcompile.verify(source, output, samples=2, node_inputs=0)
        if not result.passed:
            sys.exit(f"the compiled network gives wrong outputs: {result.outputs}")
        peaks: dict[str, list[int]] = {target: [] for target in TARGETS}
        sizes: dict[str, int] = {}

        def compiling(target: str) -> Callable[[], None]:
            def run() -> None:
                peaks[target].append(peak_memory(_command(source, output, target)))
                sizes[target] = output.stat().st_size

            return run

        found = interleaved({name: timed(compiling(name)) for name in TARGETS}, arguments.rounds)
        rows: list[dict[str, Any]] = [
            {
                "target": target,
                "seconds": found.median(target),
                "peak_bytes": max(peaks[target]),
                "growth": sizes[target] / source.stat().st_size - 1,
            }
            for target in TARGETS
        ]
    if arguments.json:
        Record("compile_resnet50", rows, {"rounds": arguments.rounds}).write(arguments.json)
    for row in rows:
        print(
            f"--target {row['target']}: {row['seconds']:.2f} s, median of {arguments.rounds};"
            f" peak memory {row['peak_bytes'] / 1e9:.2f} GB; the file grows by"
            f" {100 * row['growth']:.2f} %"
        )


def _command(source: Path, output: Path, target: str) -> list[str]:
    """Return the command that compiles the network for a target."""
    command = [sys.executable, "-P", "-m", "jpegcompile", "compile", str(source), "-o", str(output)]
    return [*command, "--preprocess", "imagenet", "--target", target]


if __name__ == "__main__":
    main()
