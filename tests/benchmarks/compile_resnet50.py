"""Time, memory and growth of compiling ResNet-50 (random weights of the torchvision architecture).

    python tests/benchmarks/compile_resnet50.py [--rounds N] [--json]

The compiled file is checked against the original before it is timed. Each round is a process of its
own, so that its peak memory and the start of the interpreter count.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

import onnx

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from support.peak_memory import peak_memory
from support.zoo import resnet50

import jpegcompile


def main() -> None:
    """Print medians of both targets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        source, output = Path(folder) / "source.onnx", Path(folder) / "compiled.onnx"
        onnx.save(resnet50(), source)
        jpegcompile.compile(source, input="tensor").save(output)
        result = jpegcompile.verify(source, output, samples=2, node_inputs=0)
        if not result.passed:
            sys.exit(f"the compiled network is wrong: {result.outputs}")
        seconds: dict[str, list[float]] = {"ort": [], "onnx": []}
        peak = 0
        for _ in range(arguments.rounds):
            for target, times in seconds.items():
                start = time.perf_counter()
                peak = max(peak, peak_memory(_command(source, output, target)))
                times.append(time.perf_counter() - start)
        growth = output.stat().st_size / source.stat().st_size - 1
    figures = {
        "seconds": {target: statistics.median(times) for target, times in seconds.items()},
        "peak_gigabytes": peak / 1e9,
        "growth": growth,
    }
    if arguments.json:
        print(json.dumps(figures, indent=2))
        return
    for target, median in figures["seconds"].items():  # type: ignore[attr-defined]
        print(f"--target {target}: {median:.2f} s, median of {arguments.rounds}")
    print(f"peak memory {peak / 1e9:.2f} GB, the file grows by {100 * growth:.2f} %")


def _command(source: Path, output: Path, target: str) -> list[str]:
    command = [sys.executable, "-P", "-m", "jpegcompile", "compile", str(source), "-o", str(output)]
    return [*command, "--preprocess", "imagenet", "--target", target]


if __name__ == "__main__":
    main()
