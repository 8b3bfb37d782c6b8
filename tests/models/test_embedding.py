"""A program that has nothing of Python runs a compiled model with the native kernels."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
from numpy.typing import NDArray
from support.images import make_jpeg
from support.tiny_residual import tiny_residual

import jpegcompile

ROOT = Path(__file__).parents[2]
COMPILER = shutil.which(os.environ.get("CXX", "g++"))


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if COMPILER is None:
        pytest.skip("there is no C++ compiler")
    path = tmp_path_factory.mktemp("embed") / "embed"
    flags = ["-std=c++20", "-O1", "-Wall", "-Wextra", "-Werror"]
    source, include = str(ROOT / "docs/embed.cc"), f"-I{ROOT / 'kernels'}"
    subprocess.run([COMPILER, *flags, include, source, "-o", str(path), "-ldl"], check=True)
    return path


def runtime() -> Path:
    """The shared library in the wheel of ONNX Runtime."""
    found = sorted(Path(ort.__file__).parent.glob("capi/libonnxruntime.so*"))
    if not found:
        pytest.skip("this ONNX Runtime has no shared library of its own")
    return found[0]


def run_program(program: Path, model: Path, *tensors: Path) -> subprocess.CompletedProcess[str]:
    library = jpegcompile.custom_ops_library()
    assert library is not None
    # Nothing of Python is found by chance.
    return subprocess.run(
        [program, runtime(), library, model, *tensors],
        capture_output=True,
        text=True,
        env={"PATH": ""},
    )


def outputs_in(text: str) -> dict[str, NDArray[np.float32]]:
    outputs, lines = {}, text.splitlines()
    while lines:
        name, *extents = lines.pop(0).split()
        shape = tuple(map(int, extents))
        count = int(np.prod(shape))
        outputs[name] = np.array(lines[:count], np.float32).reshape(shape)
        del lines[:count]
    return outputs


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "compiled.onnx"
    jpegcompile.compile(tiny_residual(), preprocess="cifar10").save(path)
    return path


def test_outputs_are_those_of_python(program: Path, model: Path, tmp_path: Path) -> None:
    session = jpegcompile.Session(model, threads=1)
    assert session.execution.native
    feeds = session.feeds([make_jpeg(32, 32)])
    tensors = []
    for value in session.inference_session.get_inputs():
        tensors.append(tmp_path / value.name)
        tensors[-1].write_bytes(feeds[value.name].tobytes())
    done = run_program(program, model, *tensors)
    assert done.returncode == 0, done.stderr
    outputs = outputs_in(done.stdout)
    assert list(outputs) == session.output_names
    for name, wanted in zip(session.output_names, session.run_feeds(feeds), strict=True):
        # The program's session has other threads: sums may be shared out in another order.
        np.testing.assert_allclose(outputs[name], wanted, rtol=0, atol=2e-6 * np.abs(wanted).max())


def test_the_bytes_of_a_file(program: Path, tmp_path: Path) -> None:
    path, file = tmp_path / "bytes.onnx", tmp_path / "image.jpg"
    jpegcompile.compile(tiny_residual(), input="jpeg", preprocess="cifar10").save(path)
    file.write_bytes(make_jpeg(32, 32))
    done = run_program(program, path, file)
    assert done.returncode == 0, done.stderr
    outputs = outputs_in(done.stdout)
    session = jpegcompile.Session(path, threads=1)
    for name, wanted in zip(session.output_names, session.run([file]), strict=True):
        np.testing.assert_allclose(outputs[name], wanted, rtol=0, atol=2e-6 * np.abs(wanted).max())
    for arguments in ((), (file, file)):
        done = run_program(program, path, *arguments)
        assert done.returncode == 1
        expected = "give a file for it" if not arguments else "the model has 1 inputs"
        assert expected in done.stderr


def test_several_images(program: Path, model: Path, tmp_path: Path) -> None:
    session = jpegcompile.Session(model, threads=1)
    feeds = session.feeds([make_jpeg(32, 32), make_jpeg(32, 32)])
    tensors = []
    for value in session.inference_session.get_inputs():
        tensors.append(tmp_path / value.name)
        tensors[-1].write_bytes(feeds[value.name].tobytes())
    outputs = outputs_in(run_program(program, model, *tensors).stdout)
    assert {values.shape[0] for values in outputs.values()} == {2}


def test_numbers_of_its_own_do(program: Path, model: Path) -> None:
    first, second = run_program(program, model), run_program(program, model)
    assert first.returncode == 0, first.stderr
    assert first.stdout == second.stdout
    assert all(np.isfinite(values).all() for values in outputs_in(first.stdout).values())


def test_refusals_are_told(program: Path, model: Path, tmp_path: Path) -> None:
    short = tmp_path / "short"
    short.write_bytes(b"\0\0")
    done = run_program(program, model, short, short, short)
    assert done.returncode == 1
    assert done.stderr.startswith("embed: ")
