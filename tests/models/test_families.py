"""Every family of residual networks, by every exporter: nothing kept, nothing wrong.

With --zoo-results FILE the outcomes are written as JSON, of which `docs/models.py` makes the table.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from support.exports import EXPORTERS, Exporter, export
from support.families import FAMILIES, Family
from support.graphs import run_float32
from support.results import Outcome, Recorder
from support.torch_zoo import build

import jpegcompile

# Of the largest magnitude of each output, between the networks in float32.
TOLERANCE = 1e-5

CASES = [
    pytest.param(family, exporter, id=f"{family.name}-{exporter}", marks=marks)
    for family in FAMILIES
    for marks in [[pytest.mark.slow] if family.slow else []]
    for exporter in EXPORTERS
]


@pytest.fixture(scope="module")
def recorder(request: pytest.FixtureRequest) -> Recorder:
    return Recorder(request.config.getoption("--zoo-results"))


def random_images(size: int) -> NDArray[np.float32]:
    """Noise and smooth images, standard normal."""
    generator = np.random.default_rng(size)
    noise = generator.standard_normal((1, 3, size, size))
    smooth = generator.standard_normal((1, 3, 4, 4)).repeat(size // 4, 2).repeat(size // 4, 3)
    return np.concatenate([noise, smooth]).astype(np.float32)


@pytest.mark.parametrize(("family", "exporter"), CASES)
def test_family(family: Family, exporter: Exporter, tmp_path: Path, recorder: Recorder) -> None:
    network = build(family.design, family.size)
    path = export(network, family.size, tmp_path / "model.onnx", exporter)
    started = time.perf_counter()
    compiled = jpegcompile.compile(path, input="tensor")
    seconds = time.perf_counter() - started
    images = random_images(family.size)
    feeds = {"image": images}
    expected = run_float32(onnx.load(path), feeds)
    actual = run_float32(compiled.model, feeds)
    error = max(
        float(np.abs(a - e).max() / np.abs(e).max()) for a, e in zip(actual, expected, strict=True)
    )
    # The exported file is the network that the table names.
    with torch.no_grad():
        outputs = network(torch.from_numpy(images))
    for made, wanted in zip(
        expected, outputs if isinstance(outputs, list) else [outputs], strict=True
    ):
        np.testing.assert_allclose(made, wanted.numpy(), rtol=0, atol=1e-4 * np.abs(made).max())
    report = compiled.report
    recorder.add(
        Outcome(
            family.name,
            exporter,
            len(report.lowered),
            len(report.kept),
            error,
            TOLERANCE,
            report.casts,
            family.casts,
            seconds,
        )
    )
    assert {(node.op, node.reason) for node in report.kept} == set()
    assert report.casts == family.casts
    assert error <= TOLERANCE
