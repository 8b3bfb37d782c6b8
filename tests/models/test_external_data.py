"""External weight files: reading, writing and running them."""

from __future__ import annotations

import importlib
import json
import os
import pickle
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper, parser
from onnx.external_data_helper import uses_external_data
from support.codes import refused
from support.coefficient_files import SAMPLINGS, random_file
from support.external_models import external_residual
from support.graphs import Array
from support.images import make_jpeg
from support.refusals import refused_model

import jpegcompile
from jpegcompile.backends.emit import emit_in_parts
from jpegcompile.errors import (
    AccessError,
    CheckFailedError,
    UnsupportedModelError,
)
from jpegcompile.evaluation.verify import require_passed
from jpegcompile.frontend.load import load_source
from jpegcompile.ir.folding import fold_constants
from jpegcompile.search.probe import Probe
from jpegcompile.target.base import CPU_PROVIDERS
from jpegcompile.weights.write import data_file

TARGETS = ["ort", "onnx"]
FILES = [make_jpeg(32, 32), make_jpeg(32, 32, "L"), random_file(SAMPLINGS["4:4:0"], 32, 32)]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "source").mkdir()
    return external_residual(tmp_path / "source")


@pytest.fixture
def in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Treat every model as one above 2 GB."""
    compiler = importlib.import_module("jpegcompile.compiler")
    monkeypatch.setattr(compiler, "emit_in_parts", partial(emit_in_parts, most=0))
    folding = importlib.import_module("jpegcompile.passes.legalize.fold_constants")
    monkeypatch.setattr(folding, "fold_constants", partial(fold_constants, most=0, large=4096))


def folder_of(path: Path) -> Path:
    path.mkdir()
    return path


def run(path: Path, feeds: dict[str, Array]) -> list[Array]:
    """Outputs of a file in plain ONNX Runtime."""
    session = ort.InferenceSession(str(path), providers=list(CPU_PROVIDERS))
    return [np.asarray(output) for output in session.run(None, feeds)]


def image(count: int = 3) -> dict[str, Array]:
    generator = np.random.default_rng(1)
    return {"image": generator.standard_normal((count, 3, 32, 32)).astype(np.float32)}


def assert_close(actual: list[Array], expected: list[Array]) -> None:
    for got, wanted in zip(actual, expected, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-5 * float(np.abs(wanted).max()))


def external_names(path: Path) -> set[str]:
    model = onnx.load_model(str(path), load_external_data=False)
    return {t.name for t in model.graph.initializer if uses_external_data(t)}


def test_large_weights_stay_in_their_file(source: Path) -> None:
    loaded = load_source(source)
    external = {t.name: uses_external_data(t) for t in loaded.model.graph.initializer}
    assert external == {"w1": False, "w2": True, "wide": True, "head": False}
    assert loaded.files == (source, source.parent / "weights.bin")


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("external_data", [False, True])
def test_external_in_and_out(
    source: Path, tmp_path: Path, target: Any, external_data: bool
) -> None:
    output = tmp_path / "out.onnx"
    compiled = jpegcompile.compile(source, input="tensor", target=target, strict=True)
    compiled.save(output, external_data=external_data)
    assert data_file(output).exists() == external_data
    assert ({"w2", "t.jpeg"} <= external_names(output)) == external_data
    assert_close(run(output, image()), run(source, image()))
    require_passed(jpegcompile.verify(source, output, samples=4))


@pytest.mark.parametrize("target", TARGETS)
def test_models_in_parts_are_the_same(
    source: Path, tmp_path: Path, target: Any, request: pytest.FixtureRequest
) -> None:
    """The code for models above 2 GB writes the same two files, byte for byte."""
    whole, parts = folder_of(tmp_path / "whole"), folder_of(tmp_path / "parts")
    compiled = jpegcompile.compile(source, input="tensor", target=target)
    assert not compiled.weights
    compiled.save(whole / "m.onnx", external_data=True)
    request.getfixturevalue("in_parts")
    compiled = jpegcompile.compile(source, input="tensor", target=target)
    assert "w2" in compiled.weights
    compiled.save(parts / "m.onnx")
    for name in ("m.onnx", "m.onnx.data"):
        assert (parts / name).read_bytes() == (whole / name).read_bytes()


def test_a_model_in_memory_without_its_weights(source: Path) -> None:
    model = onnx.load_model(str(source), load_external_data=False)
    message = refused_model("model-weights-not-in-memory", UnsupportedModelError, model)
    assert "'w1'" in message


def test_a_source_in_one_file_compiles_to_the_same(source: Path, tmp_path: Path) -> None:
    """The compiled files are equal except for the source hash and the location of its weights."""
    complete = onnx.load_model(str(source))
    onnx.save_model(complete, str(tmp_path / "one.onnx"))
    models = [jpegcompile.compile(p, input="tensor").model for p in (source, tmp_path / "one.onnx")]
    first, second = (model.graph.initializer for model in models)
    assert {t.name: numpy_helper.to_array(t).tobytes() for t in first} == {
        t.name: numpy_helper.to_array(t).tobytes() for t in second
    }
    assert list(models[0].graph.node) == list(models[1].graph.node)


@pytest.mark.parametrize("target", TARGETS)
def test_sessions_run_files_of_every_sampling(source: Path, tmp_path: Path, target: Any) -> None:
    one, two = tmp_path / "one.onnx", tmp_path / "two.onnx"
    compiled = jpegcompile.compile(source, preprocess="cifar10", target=target)
    compiled.save(one)
    compiled.save(two, external_data=True)
    expected = jpegcompile.load(one).run(FILES)
    session = jpegcompile.load(two)
    assert any(uses_external_data(t) for t in session.model.graph.initializer)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "link.onnx").symlink_to(two)
    linked = jpegcompile.load(tmp_path / "elsewhere" / "link.onnx")
    for opened in (session, linked, pickle.loads(pickle.dumps(session))):
        for got, wanted in zip(opened.run(FILES), expected, strict=True):
            np.testing.assert_array_equal(got, wanted)


def test_a_faulty_weight_fails_verification(source: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.onnx"
    jpegcompile.compile(source, input="tensor").save(output, external_data=True)
    data = np.fromfile(data_file(output), np.float32)
    data[data != 0] *= np.float32(1.01)
    data.tofile(data_file(output))
    with pytest.raises(CheckFailedError):
        require_passed(jpegcompile.verify(source, output, samples=4))


def test_inspect_needs_no_weights(source: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.onnx"
    compiled = jpegcompile.compile(source, input="tensor")
    compiled.save(output, external_data=True)
    data_file(output).unlink()
    expected = json.loads(json.dumps(compiled.report.to_json()))
    inspected = jpegcompile.inspect(output).report
    assert json.loads(json.dumps(inspected.to_json())) == expected
    again = jpegcompile.inspect(source, input="tensor").report
    assert json.loads(json.dumps(again.to_json())) == expected


@pytest.mark.usefixtures("in_parts")
def test_the_probe_of_a_search_in_parts(source: Path, tmp_path: Path) -> None:
    files = []
    for index in range(3):
        files.append(tmp_path / f"{index}.jpg")
        files[-1].write_bytes(make_jpeg(32, 32, quality=20 + 30 * index))
    probe = Probe(source, folder_of(tmp_path / "probe"), "asm", preprocess="cifar10")
    assert (tmp_path / "probe" / "probe.asm.onnx.data").exists()
    plan = jpegcompile.FrequencyPlan()
    jpegcompile.compile(source, preprocess="cifar10").save(tmp_path / "exact.onnx")
    (expected,) = jpegcompile.load(tmp_path / "exact.onnx").run(files)
    assert_close([probe.scores(files, plan, "logits")], [expected])
    before = probe.sha256
    weights = source.parent / "weights.bin"
    weights.write_bytes(weights.read_bytes()[:-4] + b"\0\0\0\0")
    again = Probe(source, folder_of(tmp_path / "again"), "asm", preprocess="cifar10")
    assert again.sha256 != before


def refused_to_load(code: str, path: Path) -> str:
    """Load a compiled model, expect an `AccessError` of that code, and return its message."""
    with refused(code, AccessError) as caught:
        jpegcompile.load(path)
    return str(caught.value)


def test_missing_short_and_linked_weights_of_compiled_models(source: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.onnx"
    jpegcompile.compile(source, input="tensor").save(output, external_data=True)
    data = data_file(output)
    content = data.read_bytes()
    data.write_bytes(content[:-4])
    message = refused_to_load("weights-file-truncated", output)
    assert message.startswith(f"{output}: ")
    assert f"'out.onnx.data' has {len(content) - 4} bytes" in message
    assert str(len(content)) in message
    data.unlink()
    message = refused_to_load("weights-file-missing", output)
    assert message.startswith(f"{output}: ")
    assert "'out.onnx.data'" in message
    (tmp_path / "other").write_bytes(content)
    data.symlink_to(tmp_path / "other")
    assert refused_to_load("weights-unreadable", output).startswith(f"{output}: ")


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.mark.parametrize("failing", [1, 2])
def test_two_files_are_written_or_none(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    compiled = jpegcompile.compile(source, input="tensor")
    folder = folder_of(tmp_path / "out")
    replace, calls = os.replace, []

    def failing_replace(old: Path, new: Path) -> None:
        calls.append(Path(new).name)
        if len(calls) == failing:
            raise OSError(28, "No space left on device")
        replace(old, new)

    for before in ({}, {"m.onnx": b"old model", "m.onnx.data": b"old weights"}):
        for name, content in before.items():
            (folder / name).write_bytes(content)
        calls.clear()
        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", failing_replace)
            with pytest.raises(AccessError) as caught:
                compiled.save(folder / "m.onnx", external_data=True)
        name = ["m.onnx.data", "m.onnx"][failing - 1]
        assert calls[:failing] == ["m.onnx.data", "m.onnx"][:failing]
        assert caught.value.code == "output-write-failed"
        assert str(caught.value).startswith(f"{folder / name}: cannot write: No space left")
        assert contents(folder) == before
    compiled.save(folder / "m.onnx", external_data=True)
    assert sorted(contents(folder)) == ["m.onnx", "m.onnx.data"]


@pytest.mark.parametrize(("name", "other"), [("m.onnx", "m.onnx.data"), ("m.onnx.data", "m.onnx")])
def test_a_name_that_is_taken(source: Path, tmp_path: Path, name: str, other: str) -> None:
    """The file that could be written is removed."""
    folder = folder_of(tmp_path / "out")
    taken = folder_of(folder / name)
    (folder / other).write_bytes(b"old")
    with pytest.raises(AccessError) as caught:
        jpegcompile.compile(source, input="tensor").save(folder / "m.onnx", external_data=True)
    assert caught.value.code == "output-not-a-file"
    assert str(caught.value).startswith(f"{taken}: ")
    assert sorted(file.name for file in folder.iterdir()) == ["m.onnx", "m.onnx.data"]
    assert (folder / other).read_bytes() == b"old"


def test_a_link_leads_to_both_files(source: Path, tmp_path: Path) -> None:
    folder, link = folder_of(tmp_path / "there"), tmp_path / "m.onnx"
    link.symlink_to(folder / "real.onnx")
    jpegcompile.compile(source, input="tensor").save(link, external_data=True)
    assert sorted(contents(folder)) == ["real.onnx", "real.onnx.data"]
    assert link.is_symlink()
    assert_close(run(folder / "real.onnx", image()), run(source, image()))


def moved(model: onnx.ModelProto, path: Path) -> Path:
    """Return a model with its weights of at least 4096 bytes in a separate file."""
    onnx.save_model(
        model,
        str(path),
        save_as_external_data=True,
        location="w.bin",
        size_threshold=4096,
        convert_attribute=True,
    )
    assert (path.parent / "w.bin").exists()
    return path


WIDE = np.random.default_rng(2).standard_normal((32, 32, 3, 3)).astype(np.float32) / 16
HEADER = '<ir_version: 8, opset_import: ["": 17, "local": 1]> '
SIGNATURE = "graph (float[N,32,16,16] image) => (float[N,32,16,16] y) "
BRANCHES = """{
    zero = Constant<value = float {0}>()
    total = ReduceSum<keepdims = 0>(image)
    c = Greater(total, zero)
    a = Conv<pads = [1, 1, 1, 1]>(image, w)
    y = If(c) <
        then_branch = one () => (float[N,32,16,16] p) { p = Conv<pads = [1, 1, 1, 1]>(a, w) },
        else_branch = two () => (float[N,32,16,16] q) { q = Neg(a) }>
}"""
FUNCTION = """{ y = local.Act(image, w) }
<domain: "local", opset_import: ["": 13]> Act (a, w) => (b)
{ c = Conv<pads = [1, 1, 1, 1]>(a, w)  b = Relu(c) }"""


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("parts", [False, True])
@pytest.mark.parametrize("body", [BRANCHES, FUNCTION])
def test_weights_of_branches_and_functions(
    tmp_path: Path, target: Any, body: str, parts: bool, request: pytest.FixtureRequest
) -> None:
    if parts:
        request.getfixturevalue("in_parts")
    model = parser.parse_model(HEADER + SIGNATURE + body)
    model.graph.initializer.append(numpy_helper.from_array(WIDE, "w"))
    path = moved(model, tmp_path / "source.onnx")
    generator = np.random.default_rng(3)
    output = tmp_path / "out.onnx"
    jpegcompile.compile(path, input="tensor", target=target).save(output, external_data=True)
    positive = np.abs(generator.standard_normal((2, 32, 16, 16))).astype(np.float32)
    for values in (positive, -positive):
        assert_close(run(output, {"image": values}), run(path, {"image": values}))


def test_weights_of_constants(tmp_path: Path) -> None:
    model = parser.parse_model(HEADER + SIGNATURE + "{ y = Conv<pads = [1, 1, 1, 1]>(image, w) }")
    constant = helper.make_node("Constant", [], ["w"], value=numpy_helper.from_array(WIDE))
    model.graph.node.insert(0, constant)
    path = moved(model, tmp_path / "source.onnx")
    loaded = load_source(path).model.graph
    assert [(t.name, t.data_location) for t in loaded.initializer] == [("w", TensorProto.EXTERNAL)]
    jpegcompile.compile(path, input="tensor", strict=True).save(tmp_path / "out.onnx")
    values = {"image": np.random.default_rng(3).standard_normal((2, 32, 16, 16), np.float32)}
    assert_close(run(tmp_path / "out.onnx", values), run(path, values))
