"""How far one unit in the last place of an image moves outputs with masks of few frequencies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from support.branched_networks import omni_scale
from support.codes import refused
from support.exports import export
from support.families import FAMILIES
from support.graphs import Graph
from support.half_precision import halved
from support.images import make_jpeg
from support.tiers import thorough
from support.torch_zoo import build

import jpegcompile
from jpegcompile.errors import ImageError, UsageError
from jpegcompile.evaluation.stability import (
    MOST_MOVED,
    Stability,
    changed,
    measure_stability,
    stability_of,
)
from jpegcompile.runtime.session import Session

# The mean of each tile of `d` is removed, so its DC coefficient is a rounding error around zero.
# With one frequency, the sign of this coefficient decides the mask of the whole tile.
CHAOTIC = Graph(
    """(T[N,3,32,32] x) => (T[] y) {
        c = Conv<pads = [1, 1, 1, 1]>(x, w)
        m = AveragePool<kernel_shape = [8, 8], strides = [8, 8]>(c)
        u = Resize<mode = "nearest", coordinate_transformation_mode = "asymmetric",
                   nearest_mode = "floor">(m, none, scales)
        d = Sub(c, u)  r = Relu(d)  a = Abs(r)  g = GlobalAveragePool(a)  y = Flatten(g) }""",
    {
        "w": (4, 3, 3, 3),
        "none": np.zeros(0, np.float32),
        "scales": np.array([1, 1, 8, 8], np.float32),
    },
)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[int, list[Path]]:
    """Return files of several qualities, by their size."""
    folder = tmp_path_factory.mktemp("images")
    made: dict[int, list[Path]] = {}
    for size in (32, 64):
        made[size] = []
        for index in range(32):
            path = folder / f"{size}-{index}.jpg"
            path.write_bytes(make_jpeg(size, size, quality=60 + index))
            made[size].append(path)
    return made


def opened(model: onnx.ModelProto | Path, folder: Path, **options: Any) -> Session:
    path = folder / "compiled.onnx"
    jpegcompile.compile(model, preprocess="imagenet", **options).save(path)
    return jpegcompile.load(path)


def test_steps_at_zero_are_chaotic(files: dict[int, list[Path]], tmp_path: Path) -> None:
    session = opened(CHAOTIC.model("float"), tmp_path, frequencies=1)
    measured = measure_stability(session, files[32])
    assert measured.images == 32
    assert measured.share > 0.5
    assert measured.is_chaotic
    assert measured.largest > 0.05
    assert measure_stability(session, files[32]) == measured
    portable = jpegcompile.load(session.path, native=False)
    assert measure_stability(portable, files[32]).is_chaotic


@pytest.mark.parametrize("options", [{}, {"truncate": 4}, {"frequencies": 4, "relu": "apx"}])
def test_without_masks_nothing_is(
    options: dict[str, Any], files: dict[int, list[Path]], tmp_path: Path
) -> None:
    """All frequencies, truncation and APX are continuous."""
    measured = measure_stability(opened(CHAOTIC.model("float"), tmp_path, **options), files[32])
    assert measured.moved == 0
    assert measured.largest < 1e-4


@thorough
def test_many_masks_in_a_row_are_and_few_are_not(
    files: dict[int, list[Path]], tmp_path: Path
) -> None:
    """About one image in five moves for an OSNet, and none for a ResNet-20."""
    branched = export(omni_scale(64), 64, tmp_path / "osnet.onnx", "torchscript")
    measured = measure_stability(opened(branched, tmp_path, frequencies=10), files[64])
    assert measured.is_chaotic
    assert not measure_stability(opened(branched, tmp_path), files[64]).moved
    design = next(f for f in FAMILIES if f.name == "CIFAR ResNet-20, option A").design
    plain = export(build(design, 32), 32, tmp_path / "resnet.onnx", "torchscript")
    measured = measure_stability(opened(plain, tmp_path, frequencies=10), files[32])
    assert not measured.is_chaotic


@pytest.mark.parametrize("half", [False, True])
def test_a_tensor_as_input(half: bool, files: dict[int, list[Path]], tmp_path: Path) -> None:
    model = CHAOTIC.model("float")
    session = opened(halved(model) if half else model, tmp_path, input="tensor", frequencies=1)
    assert measure_stability(session, files[32]).is_chaotic


def test_files_that_cannot_be_measured_on(files: dict[int, list[Path]], tmp_path: Path) -> None:
    session = opened(CHAOTIC.model("float"), tmp_path)
    other = files[64][0]
    for given in ([other], [*files[32], other]):
        with refused("image-size-mismatch", ImageError):
            measure_stability(session, given)
    with refused("stability-without-images", UsageError):
        measure_stability(session, [])


def test_what_counts() -> None:
    """Two outputs; the second image moves in the second output, by half of its largest value."""
    calls: list[NDArray[Any]] = []

    def run(batch: NDArray[Any]) -> list[NDArray[Any]]:
        calls.append(batch)
        steps = np.zeros((3, 2))
        steps[0, 0] = 8.0
        # The unchanged image is the first of each three runs.
        steps[1, 1] = 4.0 if len(calls) % 3 != 1 else 0.0
        return [np.ones((3, 2)), steps]

    batches = [np.ones((3, 4), np.float32)] * 2
    measured = stability_of(run, batches)
    assert measured == Stability(images=6, moved=2, largest=0.5)
    assert measured.is_chaotic == (MOST_MOVED < 2 / 6)
    assert len(calls) == 6
    assert not np.array_equal(calls[1], calls[2])


def test_what_is_no_number() -> None:
    values = iter([np.array([[np.nan], [1.0]]), *[np.array([[np.nan], [np.nan]])] * 2])
    measured = stability_of(lambda _: [next(values)], [np.ones((2, 1), np.float32)])
    assert (measured.moved, measured.largest) == (1, np.inf)
    assert Stability.from_json(measured.to_json()) == measured


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_changes_are_one_unit(dtype: type[np.floating[Any]]) -> None:
    generator = np.random.default_rng(1)
    batch = generator.standard_normal((4, 100)).astype(dtype)
    moved = changed(batch, generator)
    assert moved.dtype == dtype
    ulps = np.abs(moved.astype(np.float64) - batch) / np.spacing(np.abs(batch)).astype(np.float64)
    assert ((ulps == 1) | (ulps == 0.5)).all()
    assert 100 < (moved > batch).sum() < 300
