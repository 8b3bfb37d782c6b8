"""The compiled kernels of the native library, and those of one model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.ahead_of_time import compiled
from support.images import make_jpeg
from support.tiny_residual import tiny_residual

import jpegcompile
from jpegcompile.errors import AccessError
from jpegcompile.gpu.compile_all import compiled_form, distinct
from jpegcompile.gpu.cubin_file import read_cubins, write_cubins
from jpegcompile.gpu.library.companion import launches_of
from jpegcompile.gpu.library.files import beside
from jpegcompile.gpu.library.forms import library_launches
from jpegcompile.precision import TF32X3

# Compiles a model with all or some of its kernels, in a process that does not interpret them.
COMPILE = """
import json, sys
import jpegcompile
from jpegcompile.gpu.library import companion
from support.tiny_residual import tiny_residual
_, output, most, *archs = sys.argv
calls, launches_of = [], companion.launches_of
companion.available_processors = lambda: 1
companion.launches_of = lambda model: launches_of(model)[: int(most)]
model = jpegcompile.compile(
    tiny_residual(), preprocess="cifar10", aot=archs, progress=lambda *done: calls.append(done)
)
model.save(output)
print(json.dumps(calls[-1]))
"""


def written(path: Path, most: int, *archs: str) -> None:
    """Check the files of a model with a given number of compiled kernels."""
    done, total = json.loads(compiled(COMPILE, path, most, *archs))
    launches = launches_of(jpegcompile.compile(tiny_residual(), preprocess="cifar10").model)
    cubins = read_cubins(beside(path))
    assert len(cubins) == done == total == len(launches[:most]) * len(archs)
    assert {f"sm_{cubin.arch}" for cubin in cubins} == set(archs)
    assert jpegcompile.load(path).run([make_jpeg(32, 32)])


@pytest.mark.thorough
def test_a_model_is_written_with_its_kernels(tmp_path: Path) -> None:
    written(tmp_path / "m.onnx", 1, "sm_80")


@pytest.mark.thorough
def test_a_model_is_written_with_all_of_its_kernels(tmp_path: Path) -> None:
    written(tmp_path / "m.onnx", 1000, "sm_90")


def test_a_model_without_kernels_takes_away_the_ones_before(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    compiled_model = jpegcompile.compile(tiny_residual(), preprocess="cifar10")
    write_cubins(beside(path), [])
    compiled_model.save(path)
    assert not beside(path).exists()
    beside(path).write_bytes(b"of somebody else")
    compiled_model.save(path)
    assert beside(path).read_bytes() == b"of somebody else"


def test_both_or_neither(tmp_path: Path) -> None:
    """If one of the two files cannot be written, both existing files stay."""
    path = tmp_path / "m.onnx"
    path.write_bytes(b"old")
    beside(path).mkdir()
    whole = jpegcompile.compile(tiny_residual(), preprocess="cifar10")
    with pytest.raises(AccessError):
        jpegcompile.CompiledModel(whole.model, whole.report, cubins=b"new").save(path)
    assert path.read_bytes() == b"old"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["m.cubins", "m.onnx"]


def test_kernels_of_a_model_are_kernels_of_the_library() -> None:
    everything = {compiled_form(launch) for launch in library_launches(TF32X3)}
    source = tiny_residual()
    whole, few = (
        launches_of(jpegcompile.compile(source, preprocess="cifar10", **options).model)  # type: ignore[arg-type]
        for options in ({}, {"frequencies": 6, "truncate": 5})
    )
    assert {compiled_form(launch) for launch in (*whole, *few)} <= everything
    assert len(whole) < len(everything) / 4
    # Approximated masks are not fused, and truncated maps are stored in rows.
    assert any("APPROXIMATE" in launch.constants for launch in few)


def test_the_index_keeps_kernels_apart() -> None:
    """The fields by which launchers choose a kernel are unique."""
    # The index does not contain stages.
    forms = [compiled_form(launch)[:-1] for launch in distinct(library_launches(TF32X3))]
    assert len(forms) == len(set(forms)) > 200
