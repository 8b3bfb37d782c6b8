"""A probe under a plan returns what a model compiled with that plan returns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.graphs import Graph
from support.images import make_jpeg
from support.tiny_residual import OUTPUTS, tiny_residual

import jpegcompile
from jpegcompile.dct.frequencies import ALL, full, resolve
from jpegcompile.frequency_plan import FrequencyPlan, Masking, NodeFrequencies
from jpegcompile.search.probe import Knob, Probe, common_subsampling

POOLED = Graph(
    """(T[N,3,16,16] x) => (T[] y)
    {
        c = Conv <pads = [1, 1, 1, 1]> (x, w)
        p = PRelu(c, slope)
        m = MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (p)
        k = Conv <pads = [1, 1, 1, 1], strides = [2, 2]> (m, v)
        r = Clip(k, low, high)
        g = GlobalAveragePool(r)
        y = Flatten(g)
    }""",
    {
        "w": (8, 3, 3, 3),
        "v": (8, 8, 3, 3),
        "slope": np.full((8, 1, 1), 0.1),
        "low": np.asarray(0.0),
        "high": np.asarray(0.5),
    },
)


def files(folder: Path, width: int, height: int) -> list[Path]:
    kinds = [{"subsampling": "4:2:0"}, {"subsampling": "4:4:4"}, {"subsampling": "4:2:0"}]
    paths = []
    for index, kind in enumerate([*kinds, {"mode": "L"}]):
        path = folder / f"{index}.jpg"
        path.write_bytes(make_jpeg(width, height, **kind))
        paths.append(path)
    return paths


PLANS = [
    FrequencyPlan(),
    FrequencyPlan("asm", NodeFrequencies(8, 15)),
    FrequencyPlan("asm", NodeFrequencies(15, 6)),
    FrequencyPlan("asm", NodeFrequencies(9, 12), {"m": NodeFrequencies(5, 3)}),
    FrequencyPlan("apx", NodeFrequencies(7, 9)),
]


@pytest.mark.parametrize("plan", PLANS)
def test_scores_of_a_plan(plan: FrequencyPlan, tmp_path: Path) -> None:
    """Both run the same operators on the same numbers, so they agree except for rounding."""
    images, source = files(tmp_path, 16, 16), POOLED.model("float")
    probe = Probe(source, tmp_path, plan.masking, preprocess="unit")
    done: list[int] = []
    actual = probe.scores(images, plan, "y", done.append)
    jpegcompile.compile(source, preprocess="unit", frequencies=plan).save(tmp_path / "m.onnx")
    (expected,) = jpegcompile.load(tmp_path / "m.onnx").run(images)
    largest = float(np.abs(expected).max())
    np.testing.assert_allclose(actual, expected, rtol=0, atol=4e-6 * largest)
    assert sum(done) == len(images)
    other = probe.scores(images, FrequencyPlan("asm", NodeFrequencies(3, 4)), "y")
    assert np.abs(other - expected).max() > 0.01 * largest


def test_a_truncated_stem_is_fused_with_the_ingest(tmp_path: Path) -> None:
    """The last input of the operator, its band, is a knob, and tiles are not compact."""
    images, source = files(tmp_path, 16, 16), POOLED.model("float")
    fewest = NodeFrequencies(ALL, 1)
    probe = Probe(source, tmp_path, "asm", fewest, preprocess="unit", subsampling="4:2:0")
    stem = probe.session.model.graph.node[0]
    assert stem.op_type == "JpegIngestConvPReluTruncate"
    knob = probe.knobs[stem.input[-1]]
    assert (knob.node, knob.kind, knob.size) == ("p", "keep", (16, 16))
    for kept in (ALL, 9, 3):
        plan = FrequencyPlan("asm", NodeFrequencies(ALL, kept))
        jpegcompile.compile(source, preprocess="unit", frequencies=plan).save(tmp_path / "m.onnx")
        (expected,) = jpegcompile.load(tmp_path / "m.onnx").run(images)
        actual, largest = probe.scores(images, plan, "y"), float(np.abs(expected).max())
        np.testing.assert_allclose(actual, expected, rtol=0, atol=4e-6 * largest)
        other = FrequencyPlan("asm", NodeFrequencies(ALL, kept - 1))
        assert np.abs(probe.scores(images, other, "y") - expected).max() > 1e-4 * largest


@pytest.mark.parametrize("masking", ["asm", "apx"])
def test_knobs(masking: Masking, tmp_path: Path) -> None:
    probe = Probe(POOLED.model("float"), tmp_path, masking, preprocess="unit")
    knobs = [(k.node, k.kind, k.block, k.size) for k in probe.knobs.values()]
    assert knobs == [
        ("p", "mask", 8, (16, 16)),
        ("p", "keep", 8, (16, 16)),
        ("m", "mask", 8, (16, 16)),
        ("m", "keep", 8, (8, 8)),
        ("r", "mask", 4, (4, 4)),
        ("r", "keep", 4, (4, 4)),
    ]


@pytest.mark.parametrize("block", [8, 4, 2])
def test_levels_are_all_that_differ(block: int) -> None:
    levels = Knob("n", "mask", block, (16, 16)).levels
    assert levels[0] == 15
    assert [resolve(level, block) for level in levels] == list(range(full(block), 0, -1))


def test_a_named_output(tmp_path: Path) -> None:
    images = files(tmp_path, 32, 32)
    probe = Probe(tiny_residual(), tmp_path, "asm", preprocess="unit")
    logits, probabilities = (
        probe.scores(images, FrequencyPlan(), name) for name in reversed(OUTPUTS)
    )
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    assert np.abs(logits.sum(axis=1) - 1).min() > 1e-3


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        ([{"subsampling": "4:4:4"}, {"subsampling": "4:2:0"}, {"subsampling": "4:4:4"}], "4:4:4"),
        ([{"mode": "L"}], "gray"),
        ([{"keep_rgb": True}], None),
    ],
)
def test_common_subsampling(kinds: Any, expected: str | None, tmp_path: Path) -> None:
    paths = []
    for index, kind in enumerate(kinds):
        paths.append(tmp_path / f"{index}.jpg")
        paths[-1].write_bytes(make_jpeg(32, 32, **kind))
    assert common_subsampling(tiny_residual(), paths, None) == expected
    assert common_subsampling(tiny_residual(1), paths, None) is None
