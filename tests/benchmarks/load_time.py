"""How long a fresh process takes until a small compiled model is open.

    python tests/benchmarks/load_time.py [--rounds N]

times two ways by turns, each in a process of its own: `jpegcompile.load`, and `import onnxruntime`
with an InferenceSession that has the native kernels registered. The outputs of both are compared
first. Prints medians of the time from the start of the program to the open session, in seconds.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

import numpy as np

import jpegcompile
from jpegcompile.digits import images_path, model_path, preprocess_path
from jpegcompile.target.base import CPU_PROVIDERS

FEWEST_ROUNDS = 11

# Each gets model, library, providers, and a file for outputs or nothing. The clock starts before
# the first import, since the interpreter itself takes as long for both.
_TIMED = """
import time
start = time.perf_counter()
import json, sys
model, library, providers, outputs = json.loads(sys.argv[1])
{open}
print(time.perf_counter() - start)
if outputs:
    import numpy
    feeds = dict(numpy.load(outputs + "/feeds.npz"))
    numpy.save(outputs + "/{name}.npy", session.run(None, feeds)[0])
"""
_SIDES = {
    "plain": """
import onnxruntime
options = onnxruntime.SessionOptions()
options.register_custom_ops_library(library)
session = onnxruntime.InferenceSession(model, options, providers=providers)
""",
    "load": """
import jpegcompile
session = jpegcompile.load(model).inference_session
""",
}


def opened(side: str, model: Path, outputs: Path | None = None) -> float:
    """Seconds until a fresh process has the model open by one of `_SIDES`."""
    library = jpegcompile.custom_ops_library()
    assert library is not None, "install jpegcompile with its native kernels"
    given = [str(model), str(library), list(CPU_PROVIDERS), outputs and str(outputs)]
    script = _TIMED.format(open=_SIDES[side], name=side)
    command = [sys.executable, "-P", "-c", script, json.dumps(given)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def require_same_outputs(model: Path, folder: Path) -> None:
    """Refuse to time what computes something else."""
    files = sorted((images_path() / "3").iterdir())[:2]
    np.savez(folder / "feeds.npz", **jpegcompile.load(model).feeds(files))  # type: ignore[arg-type]
    for side in _SIDES:
        opened(side, model, folder)
    plain, loaded = (np.load(folder / f"{side}.npy") for side in ("plain", "load"))
    np.testing.assert_array_equal(plain, loaded)


def medians(model: Path, rounds: int) -> dict[str, float]:
    """Median seconds of each side; another side goes first in every round."""
    times: dict[str, list[float]] = {side: [] for side in _SIDES}
    for index in range(rounds):
        for side in sorted(_SIDES, reverse=bool(index % 2)):
            times[side].append(opened(side, model))
    return {side: median(values) for side, values in times.items()}


def main() -> None:
    """Compile the demo's network, check, time and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=FEWEST_ROUNDS)
    rounds = max(parser.parse_args().rounds, FEWEST_ROUNDS)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = folder / "digits.jpeg.onnx"
        jpegcompile.compile(model_path(), preprocess=preprocess_path()).save(model)
        require_same_outputs(model, folder)
        found = medians(model, rounds)
    print(f"plain ONNX Runtime  {found['plain']:.3f} s")
    print(f"jpegcompile.load    {found['load']:.3f} s")
    print(f"difference          {found['load'] - found['plain']:+.3f} s")


if __name__ == "__main__":
    main()
