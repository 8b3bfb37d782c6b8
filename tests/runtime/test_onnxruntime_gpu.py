"""A compiled file on onnxruntime-gpu, on a machine without a GPU.

JPEGCOMPILE_ONNXRUNTIME_GPU names a folder with that package (`pip install --no-deps --target`).
Continuous integration makes one.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.images import make_jpeg
from support.tiers import thorough
from support.tiny_residual import tiny_residual

import jpegcompile
from jpegcompile.runtime import cuda

pytestmark = thorough
INSTALLED = os.environ.get("JPEGCOMPILE_ONNXRUNTIME_GPU", "")
# Prints the outputs by providers that the caller chooses, as bytes.
EXPLICIT = """
import sys
import jpegcompile
from jpegcompile.target.base import CPU_PROVIDERS, CUDA_PROVIDER
_, model, image = sys.argv
session = jpegcompile.load(model, providers=[CUDA_PROVIDER, *CPU_PROVIDERS])
assert session.providers == list(CPU_PROVIDERS), session.providers
sys.stdout.write(session.run([image])[0].tobytes().hex())
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("gpu")
    model, image = folder / "m.onnx", folder / "x.jpg"
    jpegcompile.compile(tiny_residual(), preprocess="cifar10").save(model)
    image.write_bytes(make_jpeg(32, 32))
    return model, image


def started(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Python with onnxruntime-gpu in place of onnxruntime."""
    if not INSTALLED:
        pytest.skip("JPEGCOMPILE_ONNXRUNTIME_GPU is not set")
    if not cuda.device().startswith(cuda.NO_CUDA):
        pytest.skip("there is a GPU")
    return subprocess.run(
        [sys.executable, "-P", *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": INSTALLED},
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_runs_on_the_cpu_and_says_so(files: tuple[Path, Path]) -> None:
    done = started("-m", "jpegcompile", "run", *files)
    assert done.returncode == 0
    assert done.stderr.startswith("note: the CUDA driver cannot be opened: ")
    assert done.stderr.endswith(
        "; install NVIDIA's driver, or give --providers cpu; running on the CPU\n"
    )
    assert done.stderr.count("\n") == 1
    asked = started("-m", "jpegcompile", "run", *files, "--providers", "cpu")
    assert (asked.returncode, asked.stderr, asked.stdout) == (0, "", done.stdout)


def test_cuda_is_refused(files: tuple[Path, Path]) -> None:
    done = started("-m", "jpegcompile", "run", *files, "--providers", "cuda")
    assert done.returncode == 5
    assert done.stderr.startswith("jpegcompile: --providers cuda: the CUDA driver cannot be opened")
    assert done.stderr.count("\n") == 1


def test_providers_of_onnxruntime(files: tuple[Path, Path]) -> None:
    done = started("-W", "ignore", "-c", EXPLICIT, *files)
    assert done.returncode == 0, done.stderr
    expected = jpegcompile.load(files[0]).run([files[1]])[0]
    assert done.stdout == expected.tobytes().hex()
