"""Every family of residual networks, by every exporter: nothing kept, nothing wrong.

What a discontinuous operator has to read exactly is kept, and nothing else.

With --zoo-results FILE the outcomes are written there, of which `docs/models_table.py` makes the
table in `docs/models.md`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from support.exports import EXPORTERS, Exporter, export
from support.families import FAMILIES, SHALLOW, SMALL, TOLERANCE, Family
from support.graphs import Graph, evaluate, run_float32
from support.half_precision import doubled, halved
from support.nhwc_networks import resnet_v1, resnet_v2, squeezed_head
from support.results import Outcome, Recorder
from support.segmentation import segnet
from support.tiers import quick_of, thorough
from support.torch_dense import NETWORKS
from torch import nn

import jpegcompile
from jpegcompile.backends.emit import emit
from jpegcompile.frontend.load import load_source
from jpegcompile.ir.module import CompileOptions
from jpegcompile.lowering import lower

# In float16, of which the rounding is 8192 times as large.
HALF_TOLERANCE = 0.005
BY_NAME = {family.name: family for family in FAMILIES}


# Deep networks take up to a minute: each exporter writes every other one at its true depth, and all
# of them with one block a stage.
other_exporter = pytest.mark.slow(
    reason="test_one_block_a_stage has the same layers by this exporter, in seconds"
)
CASES = [
    pytest.param(
        family,
        exporter,
        id=f"{family.name}-{exporter}",
        marks=[other_exporter]
        if family.is_deep and exporter != EXPORTERS[number % 2]
        else [thorough],
    )
    for number, family in enumerate(FAMILIES)
    for exporter in EXPORTERS
]
# The newer exporter takes three times as long: it writes every fortieth network.
QUICK_CASES = [
    pytest.param(family, EXPORTERS[number % 40 == 0], id=family.name)
    for number, family in enumerate(SMALL)
]


@pytest.fixture(scope="module")
def recorder(request: pytest.FixtureRequest) -> Recorder:
    return Recorder(request.config.getoption("--zoo-results"))


def random_images(height: int, width: int) -> NDArray[np.float32]:
    """Noise and smooth images, standard normal: [2, 3, height, width]."""
    generator = np.random.default_rng((height, width))
    noise = generator.standard_normal((1, 3, height, width))
    coarse = generator.standard_normal((1, 3, 4, 4))
    smooth = coarse.repeat(height // 4, 2).repeat(width // 4, 3)
    return np.concatenate([noise, smooth]).astype(np.float32)


def check(
    case: tuple[str, str],
    source: onnx.ModelProto,
    feeds: dict[str, NDArray[Any]],
    recorder: Recorder,
    *,
    casts: int = 1,
    allowed: float = TOLERANCE,
    input_size: tuple[int, int] | None = None,
) -> None:
    """Compile, compare, record and judge; `case` is the family and what wrote the file."""
    started = time.perf_counter()
    compiled = jpegcompile.compile(source, input="tensor", input_size=input_size)
    seconds = time.perf_counter() - started
    expected = run_float32(source, feeds)
    error = 0.0
    for native in (False, True):
        actual = run_float32(compiled.model, feeds, native)
        for got, wanted in zip(actual, expected, strict=True):
            assert got.dtype == wanted.dtype
            distance = np.abs(got.astype(np.float64) - wanted).max()
            error = max(error, float(distance / np.abs(wanted).max()))
    report = compiled.report
    recorder.add(
        Outcome(
            *case,
            lowered=len(report.lowered),
            kept=len(report.kept),
            exact=sum(node.exact for node in report.kept),
            error=error,
            allowed=allowed,
            casts=report.casts,
            casts_allowed=casts,
            seconds=seconds,
        )
    )
    assert {(node.op, node.reason) for node in report.kept if not node.exact} == set()
    assert report.casts == casts
    assert error <= allowed


def require_network(
    network: nn.Module, source: onnx.ModelProto, images: NDArray[np.float32]
) -> None:
    """The exported file is the network that the table names."""
    with torch.no_grad():
        outputs = network(torch.from_numpy(images))
    tensors = outputs if isinstance(outputs, list | tuple) else [outputs]
    for made, wanted in zip(run_float32(source, {"image": images}), tensors, strict=True):
        np.testing.assert_allclose(made, wanted.numpy(), rtol=0, atol=1e-4 * np.abs(made).max())


@pytest.mark.parametrize(("family", "exporter"), QUICK_CASES)
def test_small(family: Family, exporter: Exporter, tmp_path: Path) -> None:
    """Every family with few blocks and channels; their true sizes are in the thorough tier."""
    test_family(family, exporter, tmp_path, Recorder(None))


@pytest.mark.parametrize(("family", "exporter"), CASES)
def test_family(family: Family, exporter: Exporter, tmp_path: Path, recorder: Recorder) -> None:
    network = family.build()
    source = onnx.load(export(network, family.size, tmp_path / "model.onnx", exporter))
    images = random_images(family.size, family.size)
    require_network(network, source, images)
    check(
        (family.name, exporter),
        source,
        {"image": images},
        recorder,
        casts=family.casts,
        allowed=family.allowed,
    )


@thorough
@pytest.mark.parametrize("exporter", EXPORTERS)
@pytest.mark.parametrize("family", SHALLOW, ids=lambda family: family.name)
def test_one_block_a_stage(family: Family, exporter: Exporter, tmp_path: Path) -> None:
    """What the deep families are made of."""
    test_family(family, exporter, tmp_path, Recorder(None))


@pytest.mark.parametrize(("name", "exporter"), quick_of(product(NETWORKS, EXPORTERS), quick=8))
def test_network(name: str, exporter: Exporter, tmp_path: Path, recorder: Recorder) -> None:
    given = NETWORKS[name]
    network = given.make()
    source = onnx.load(export(network, given.size, tmp_path / "model.onnx", exporter))
    images = random_images(given.size, given.size)
    require_network(network, source, images)
    check((name, exporter), source, {"image": images}, recorder, casts=given.casts)


@thorough
def test_the_deepest_in_float64(tmp_path: Path) -> None:
    """What ResNet-152 errs by in float32 is rounding: in float64 it is gone."""
    family = BY_NAME["ResNet-152"]
    network = family.build()
    source = doubled(onnx.load(export(network, family.size, tmp_path / "model.onnx", "dynamo")))
    images = random_images(family.size, family.size)[:1].astype(np.float64)
    module = lower(load_source(source), CompileOptions(input_mode="tensor"))
    (actual,), (expected,) = (evaluate(m, {"image": images}) for m in (emit(module), source))
    assert np.abs(actual - expected).max() <= 1e-12 * np.abs(expected).max()


OPEN_SIZE = ["fully convolutional head", "ResNet-D", "SE-ResNet, linear layers"]


@pytest.mark.parametrize(("name", "exporter"), quick_of(product(OPEN_SIZE, EXPORTERS)))
def test_open_size(name: str, exporter: Exporter, tmp_path: Path, recorder: Recorder) -> None:
    """Height and width come from --input-size, and differ."""
    family, size = BY_NAME[name], (96, 64)
    network = family.build()
    path = tmp_path / "model.onnx"
    source = onnx.load(export(network, size, path, exporter, dynamic_size=True))
    images = random_images(*size)
    require_network(network, source, images)
    case = (f"{name}, dynamic size as 96x64", exporter)
    check(case, source, {"image": images}, recorder, casts=family.casts, input_size=size)


IN_FLOAT16 = ["BiT ResNet (GroupNorm, standardised weights)", "ResNet-18", "ResNet-50"]


def test_small_in_float16(tmp_path: Path) -> None:
    family = next(family for family in SMALL if family.name == IN_FLOAT16[0])
    require_in_float16(family, "torchscript", tmp_path, Recorder(None))


@thorough
@pytest.mark.parametrize("exporter", EXPORTERS)
@pytest.mark.parametrize("name", IN_FLOAT16)
def test_in_float16(name: str, exporter: Exporter, tmp_path: Path, recorder: Recorder) -> None:
    require_in_float16(BY_NAME[name], exporter, tmp_path, recorder)


def require_in_float16(
    family: Family, exporter: Exporter, tmp_path: Path, recorder: Recorder
) -> None:
    network = family.build()
    source = halved(onnx.load(export(network, family.size, tmp_path / "model.onnx", exporter)))
    images = random_images(family.size, family.size)
    case = (f"{family.name} in float16", exporter)
    feeds = {"image": images.astype(np.float16)}
    check(case, source, feeds, recorder, allowed=HALF_TOLERANCE)


@pytest.mark.parametrize("optimized", [False, True])
@pytest.mark.parametrize("opset", [9, 13, 18])
@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("Keras ResNet v1", resnet_v1),
        ("Keras ResNet v2 with squeeze-excite", resnet_v2),
        ("Keras ResNet, squeezed head", squeezed_head),
    ],
)
def test_channels_last(
    name: str,
    make: Callable[[int, bool], Graph],
    opset: int,
    optimized: bool,
    recorder: Recorder,
) -> None:
    style = "optimized" if optimized else "not optimized"
    source = make(opset, optimized).model("float")
    images = random_images(32, 32).transpose(0, 2, 3, 1)
    case = (name, f"as tf2onnx, opset {opset}, {style}")
    check(case, source, {"x": np.ascontiguousarray(images)}, recorder)


@pytest.mark.parametrize("opset", [11, 17])
def test_positions_of_maxima(opset: int, recorder: Recorder) -> None:
    """A SegNet-like network: the decoder puts values where the encoder found its maxima."""
    source = segnet(opset).model("float")
    case = ("SegNet-like (MaxUnpool)", f"as MaxUnpool, opset {opset}")
    check(case, source, {"x": random_images(64, 64)}, recorder, casts=6)
