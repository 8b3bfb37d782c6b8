"""Compiled files of every earlier format are opened, and compute what they computed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from support.images import make_jpeg

import jpegcompile
from jpegcompile.errors import UnsupportedModelError
from jpegcompile.interface import DOMAIN
from jpegcompile.jpeg.frame import Frame
from jpegcompile.metadata import FORMAT_VERSION, read_metadata
from jpegcompile.preprocessing.steps import Filter, Resize

# `source()` with `PREPROCESS`, compiled by the last version that wrote format 6.
FORMAT_6 = Path(__file__).parents[1] / "data" / "format6.onnx"
PREPROCESS = {"scale": 1 / 255, "mean": [0.5, 0.25, 0.125], "std": [0.5, 0.25, 0.75]}
# The first is of the sampling that the file is written for; the other goes by the ingest in NumPy.
FILES = [make_jpeg(16, 16, "RGB", subsampling=name) for name in ("4:2:0", "4:4:4")]

Record = dict[str, Any]


def source() -> onnx.ModelProto:
    """A convolution of a normalized image, and its means."""
    generator = np.random.default_rng(0)
    weights = {
        "divisor": np.array([0.5, 0.25, 2.0], np.float32).reshape(1, 3, 1, 1),
        "shift": np.array([0.25, -1.0, 0.5], np.float32).reshape(1, 3, 1, 1),
        "w": generator.standard_normal((4, 3, 3, 3)).astype(np.float32),
    }
    graph = helper.make_graph(
        [
            helper.make_node("Div", ["x", "divisor"], ["divided"]),
            helper.make_node("Sub", ["divided", "shift"], ["shifted"]),
            helper.make_node("Conv", ["shifted", "w"], ["c"], pads=[1, 1, 1, 1]),
            helper.make_node("Relu", ["c"], ["r"]),
            helper.make_node("GlobalAveragePool", ["r"], ["y"]),
        ],
        "format6",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["N", 3, 16, 16])],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["N", 4, 1, 1])],
        [numpy_helper.from_array(values, name) for name, values in weights.items()],
    )
    opsets = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def write(path: Path, change: Callable[[Record], Record]) -> Path:
    """The file of format 6 with its record changed."""
    model = onnx.load(FORMAT_6)
    entry = next(p for p in model.metadata_props if p.key == DOMAIN)
    entry.value = json.dumps(change(json.loads(entry.value)))
    onnx.save(model, path)
    return path


def before(version: int) -> Callable[[Record], Record]:
    """The record as an earlier format had it."""

    def change(record: Record) -> Record:
        record["format_version"] = version
        if version < 6:
            assert record["input"].pop("has_batch") is True
        if version < 5:
            assert record.pop("lean") is False
            assert record.pop("batch") == 1
        if version < 3:
            assert record.pop("domain") == "jpeg"
        if version < 2:
            assert record.pop("frequencies") is None
        return record

    return change


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """Outputs of the source as this version compiles it."""
    path = tmp_path_factory.mktemp("compiled") / "new.onnx"
    jpegcompile.compile(source(), preprocess=PREPROCESS).save(path)
    return jpegcompile.load(path).run(FILES)


@pytest.mark.parametrize("version", range(1, 7))
def test_an_earlier_format_computes_the_same(
    version: int, expected: list[Any], tmp_path: Path
) -> None:
    session = jpegcompile.load(write(tmp_path / "old.onnx", before(version)))
    info = session.info
    assert info.format_version == version
    assert (info.lean, info.batch) == ((None, None) if version < 5 else (False, 1))
    assert info.frame == Frame(16, 16, ((2, 2), (1, 1), (1, 1)), "ycbcr")
    assert (info.input_mode, info.subsampling, info.ingest_output) == (
        "coefficients", "4:2:0", "x.jpeg",
    )  # fmt: skip
    assert (info.input.name, info.input.shape, info.input.color) == ("x", (3, 16, 16), "RGB")
    for values, wanted in zip(session.run(FILES), expected, strict=True):
        np.testing.assert_array_equal(values, wanted)


def test_the_normalization_of_the_graph_is_part_of_the_input(tmp_path: Path) -> None:
    path = tmp_path / "new.onnx"
    jpegcompile.compile(source(), preprocess=PREPROCESS).save(path)
    new, old = jpegcompile.load(path).info, jpegcompile.load(FORMAT_6).info
    assert new.format_version == FORMAT_VERSION == 11
    assert new.input == old.input
    assert new.preprocess == old.preprocess
    # (x / 255 - mean) / std / divisor - shift
    affine = new.input.affine
    assert affine is not None
    np.testing.assert_allclose(affine.scale, [4 / 255, 16 / 255, 2 / 3 / 255], rtol=1e-15)
    np.testing.assert_allclose(affine.shift, [-2.25, -3.0, -0.5 - 1 / 12], rtol=1e-15)


def test_a_file_that_lost_its_own_normalization_is_told_apart(
    expected: list[Any], tmp_path: Path
) -> None:
    """The check above would see it: only the second file goes by the ingest in NumPy."""
    path = write(tmp_path / "old.onnx", lambda record: {**record, "input_affine": None})
    (values,) = jpegcompile.load(path).run(FILES)
    np.testing.assert_array_equal(values[0], expected[0][0])
    assert np.abs(values[1] - expected[0][1]).max() > 0.1


def test_tensors_have_no_frame(tmp_path: Path) -> None:
    def tensor(record: Record) -> Record:
        taken = {**record["input"], "mode": "tensor", "subsampling": None, "ingest_output": None}
        return {**record, "input": taken, "preprocess": None, "input_affine": None}

    model = onnx.load(write(tmp_path / "old.onnx", tensor))
    info = read_metadata(model, "old.onnx")
    assert info is not None
    assert (info.input_mode, info.frame, info.subsampling) == ("tensor", None, None)
    assert (info.input.size, info.input.affine, info.input.color) == ((16, 16), None, None)


@pytest.mark.parametrize(
    "change",
    [
        lambda record: {**record, "input": {**record["input"], "subsampling": "4:1:0"}},
        lambda record: {**record, "preprocess": None},
        lambda record: {**record, "preprocess": {"depth": 8}},
        lambda record: {**record, "input_affine": [[1.0]]},
        lambda record: {**record, "input_affine": "scale"},
        lambda record: {k: v for k, v in record.items() if k != "input_affine"},
        lambda record: {**record, "input": {**record["input"], "mode": "tensor"}},
    ],
)
def test_a_damaged_record_of_format_6(change: Callable[[Record], Record], tmp_path: Path) -> None:
    path = write(tmp_path / "old.onnx", change)
    with pytest.raises(UnsupportedModelError) as caught:
        jpegcompile.load(path)
    assert caught.value.code == "metadata-damaged"
    assert str(caught.value).startswith(f"{path}: ")


def test_format_8_knew_one_size_and_one_decoder(tmp_path: Path) -> None:
    new, old = tmp_path / "new.onnx", tmp_path / "old.onnx"
    compiled = jpegcompile.compile(source(), preprocess=PREPROCESS)
    compiled.save(new)
    entry = next(p for p in compiled.model.metadata_props if p.key == DOMAIN)
    record = json.loads(entry.value)
    record["format_version"] = 8
    del record["trained_size"], record["input"]["geometry"], record["input"]["decoder"]
    entry.value = json.dumps(record)
    compiled.save(old)
    expected = jpegcompile.load(new)
    session = jpegcompile.load(old)
    assert (session.info.format_version, session.info.input) == (8, expected.info.input)
    for values, wanted in zip(session.run(FILES), expected.run(FILES), strict=True):
        np.testing.assert_array_equal(values, wanted)


def test_format_10_knew_one_view(tmp_path: Path) -> None:
    """Its records are those of format 11 that say nothing of views."""
    path = tmp_path / "old.onnx"
    compiled = jpegcompile.compile(source(), preprocess=PREPROCESS)
    entry = next(p for p in compiled.model.metadata_props if p.key == DOMAIN)
    record = json.loads(entry.value)
    assert "views" not in entry.value
    entry.value = json.dumps({**record, "format_version": 10})
    compiled.save(path)
    session = jpegcompile.load(path)
    assert (session.info.format_version, session.info.views) == (10, 1)
    assert len(session.run(FILES)[0]) == len(FILES)


def test_format_9_knew_no_scaled_decoding(tmp_path: Path) -> None:
    path = tmp_path / "old.onnx"
    resize = {"filter": "bicubic", "scaled_decoding": True}
    compiled = jpegcompile.compile(source(), preprocess={"preset": "unit", "resize": resize})
    entry = next(p for p in compiled.model.metadata_props if p.key == DOMAIN)
    record = json.loads(entry.value)
    record["format_version"] = 9
    for holder in (record["input"]["geometry"], record["preprocess"]):
        assert holder["resize"].pop("scaled_decoding") is True
    entry.value = json.dumps(record)
    compiled.save(path)
    info = jpegcompile.load(path).info
    assert info.format_version == 9
    assert info.input.geometry.resize == Resize(filter=Filter("bicubic"))
