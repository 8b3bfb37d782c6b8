"""Time a new process until a small compiled model is open.

    python tests/benchmarks/load_time.py [--rounds N] [--json FILE]

The benchmark compares two ways: `jpegcompile.load`, and `import onnxruntime` with an
InferenceSession that has the native kernels registered. It compares their outputs first. Then it
times both in interleaved rounds, each in a new process, and prints median seconds from the start of
the program to the open session.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

import numpy as np

import jpegcompile
from jpegcompile.digits import images_path, model_path, preprocess_path
from jpegcompile.evaluation.benchmark.record import Record, parser_for
from jpegcompile.evaluation.benchmark.rounds import interleaved
from jpegcompile.target.base import CPU_PROVIDERS

FEWEST_ROUNDS = 11

# Arguments of each program: model, library, providers, and a folder for outputs or null. The clock
# starts before the first import, because the start of the interpreter is the same for both.
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
    """Return the seconds until a new process has opened the model by one of `_SIDES`."""
    library = jpegcompile.custom_ops_library()
    assert library is not None, "install jpegcompile with its native kernels"
    given = [str(model), str(library), list(CPU_PROVIDERS), outputs and str(outputs)]
    script = _TIMED.format(open=_SIDES[side], name=side)
    command = [sys.executable, "-P", "-c", script, json.dumps(given)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def require_same_outputs(model: Path, folder: Path) -> None:
    """Compare the outputs of both ways.

    Raises:
        AssertionError: if they differ.
    """
    files = sorted((images_path() / "3").iterdir())[:2]
    np.savez(folder / "feeds.npz", **jpegcompile.load(model).feeds(files))  # type: ignore[arg-type]
    for side in _SIDES:
        opened(side, model, folder)
    plain, loaded = (np.load(folder / f"{side}.npy") for side in ("plain", "load"))
    np.testing.assert_array_equal(plain, loaded)


def main() -> None:
    """Compile the network of the demo, check, time and print."""
    arguments = parser_for(__doc__, rounds=FEWEST_ROUNDS).parse_args()
    rounds = max(arguments.rounds, FEWEST_ROUNDS)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = folder / "digits.jpeg.onnx"
        jpegcompile.compile(model_path(), preprocess=preprocess_path()).save(model)
        require_same_outputs(model, folder)
        found = interleaved(
            {side: partial(opened, side, model) for side in _SIDES}, rounds
        ).medians()
    if arguments.json:
        rows = [{"way": side, "seconds": seconds} for side, seconds in found.items()]
        Record("load_time", rows, {"rounds": rounds}).write(arguments.json)
    print(f"plain ONNX Runtime  {found['plain']:.3f} s")
    print(f"jpegcompile.load    {found['load']:.3f} s")
    print(f"difference          {found['load'] - found['plain']:+.3f} s")


if __name__ == "__main__":
    main()
