"""Outputs without a row of numbers for each image: wholes, indices, data-dependent shapes."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from support.codes import refused
from support.graphs import Graph
from support.images import make_jpeg

import jpegcompile
from jpegcompile.errors import CheckFailedError, UsageError
from jpegcompile.evaluation import trial
from jpegcompile.evaluation.rounding import OwnRounding
from jpegcompile.evaluation.verify import require_passed
from jpegcompile.weights.write import save

_STEM = "(T[N,3,16,16] x) => ({outputs}) {{ a = Conv<pads=[1,1,1,1]>(x, w)  r = Relu(a)  {tail} }}"
_WEIGHTS = {"w": (4, 3, 3, 3)}

# Outputs and the nodes that compute them.
WHOLES = {
    "time-major": (
        "T[] y",
        "m = ReduceMean<axes=[2],keepdims=0>(r)  t = Transpose<perm=[2,0,1]>(m)"
        "  y = LogSoftmax<axis=2>(t)",
    ),
    "scalar": ("T[] y", "y = ReduceMean<keepdims=0>(r)"),
    "boxes": (
        "T[] y, int64[A,B] s",
        "c = Constant<value = float[1,16,4] {boxes}>()  m = ReduceMean<axes=[2],keepdims=0>(r)"
        "  k = Constant<value_ints=[9]>()  u = Constant<value_float=0.5>()"
        "  s = NonMaxSuppression(c, m, k, u)  y = Identity(m)",
    ),
    "regions": (
        "T[] y",
        "c = Constant<value = float[2,4] {1, 1, 9, 9, 2, 3, 12, 14}>()"
        "  i = Constant<value_ints=[0, 0]>()"
        "  y = RoiAlign<output_height=3,output_width=3>(r, c, i)",
    ),
    "positions": (
        "T[] y",
        "k = Constant<value_float=0.3>()  g = Greater(r, k)  h = Cast<to=1>(g)  z = NonZero(h)"
        "  y = Cast<to=1>(z)",
    ),
    "classes": ("int64[N,H,W] y", "y = ArgMax<axis=1,keepdims=0>(a)"),
    "mask": (
        "bool[N,4,16,16] y",
        "k = Constant<value_float=0.3>()  y = Greater(r, k)",
    ),
}


def model_of(name: str) -> onnx.ModelProto:
    outputs, tail = WHOLES[name]
    corners = ", ".join(f"{4 * i}, 0, {4 * i + 3}, 3" for i in range(16))
    text = _STEM.format(outputs=outputs, tail=tail.replace("{boxes}", "{" + corners + "}"))
    return Graph(text, _WEIGHTS, opset=13).model("float")


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    for index in range(3):
        (folder / f"{index}.jpg").write_bytes(make_jpeg(16, 16, subsampling=2, seed=index))
    return folder


def broken(path: Path) -> Path:
    model = onnx.load(path)
    weight = next(t for t in model.graph.initializer if t.name == "w")
    values = -numpy_helper.to_array(weight)
    weight.CopyFrom(numpy_helper.from_array(values, "w"))
    save(model, path)
    return path


@pytest.mark.parametrize("name", WHOLES)
def test_wholes(name: str, images: Path, tmp_path: Path) -> None:
    model = model_of(name)
    path = tmp_path / "c.onnx"
    jpegcompile.compile(model, preprocess="imagenet").save(path)
    result = jpegcompile.verify(model, path, images)
    require_passed(result)
    assert result.inputs == 3
    assert all(output.shapes is None for output in result.outputs)
    wrong = jpegcompile.verify(model, broken(path), images)
    assert not wrong.passed


def test_one_image_is_run_as_it_is_and_several_are_refused(images: Path, tmp_path: Path) -> None:
    model = model_of("time-major")
    path = tmp_path / "c.onnx"
    jpegcompile.compile(model, preprocess="imagenet").save(path)
    session = jpegcompile.load(path)
    files = sorted(images.iterdir())
    (alone,) = session.run(files[:1])
    assert alone.shape == (16, 1, 4)
    with refused("output-without-rows", UsageError):
        session.run(files)


@pytest.mark.parametrize("name", ["time-major", "scalar"])
def test_two_samplings_are_refused_too(name: str, images: Path, tmp_path: Path) -> None:
    """Images of each sampling run separately; here each sampling has one image."""
    path = tmp_path / "c.onnx"
    jpegcompile.compile(model_of(name), preprocess="imagenet").save(path)
    files: list[Path | bytes] = [next(images.iterdir()), make_jpeg(16, 16, subsampling="4:4:4")]
    session = jpegcompile.load(path)
    for file in files:
        assert len(session.run([file])) == 1
    with refused("output-without-rows", UsageError):
        session.run(files)


def test_steps_of_time_are_no_classes(images: Path, tmp_path: Path) -> None:
    """A model with a fixed batch of one, whose output [time, classes] looks like rows of scores."""
    tail = WHOLES["time-major"][1] + "  k = Constant<value_ints=[1]>()  z = Squeeze(y, k)"
    text = _STEM.format(outputs="T[] z", tail=tail).replace("T[N,", "T[1,")
    model, path = Graph(text, _WEIGHTS, opset=13).model("float"), tmp_path / "c.onnx"
    jpegcompile.compile(model, preprocess="imagenet").save(path)
    with refused("first-output-without-scores", UsageError) as caught:
        jpegcompile.run(path, [images])
    assert "'z' has shape [16, 4]" in str(caught.value)
    folder = tmp_path / "classes"
    folder.mkdir()
    images.rename(folder / "0")
    with refused("output-without-rows", UsageError):
        jpegcompile.compare(model, path, folder)
    for file in sorted((folder / "0").iterdir())[1:]:
        file.unlink()
    with refused("output-without-scores", UsageError) as caught:
        jpegcompile.compare(model, path, folder)
    assert "'z' has shape [16, 4]" in str(caught.value)


def test_another_shape_is_said(images: Path, tmp_path: Path) -> None:
    model = model_of("positions")
    path = tmp_path / "c.onnx"
    jpegcompile.compile(model, preprocess="imagenet").save(path)
    result = jpegcompile.verify(model, broken(path), images)
    with refused("output-shape-differs", CheckFailedError) as caught:
        require_passed(result)
    assert "output 'y': has shape [4, " in str(caught.value)


def test_an_index_of_a_near_tie_may_differ(tmp_path: Path) -> None:
    """Two channels with nearly the same weights: rounding decides which is larger."""
    base = np.random.default_rng(1).normal(size=(1, 3, 3, 3))
    weight = np.concatenate([base, base * (1 + 1e-8), base - 1.0])
    text = "(T[N,3,16,16] x) => (int64[N,H,W] y) { a = Conv<pads=[1,1,1,1]>(x, w)"
    text += "  b = Conv(a, v)  y = ArgMax<axis=1,keepdims=0>(b) }"
    mix = np.random.default_rng(2).normal(size=(3, 3, 1, 1))
    mix[1] = mix[0] * (1 + 1e-7)
    model = Graph(text, {"w": weight, "v": mix}, opset=13).model("float")
    path = tmp_path / "c.onnx"
    jpegcompile.compile(model, input="tensor").save(path)
    result = jpegcompile.verify(model, path, samples=4)
    require_passed(result)
    (output,) = result.outputs
    assert output.own_jumps > 0
    assert output.jumps <= output.own_jumps
    wrong = onnx.load(path)
    tensor = next(t for t in wrong.graph.initializer if t.name == "w")
    values = numpy_helper.to_array(tensor).copy()
    values[:] = values[::-1]
    tensor.CopyFrom(numpy_helper.from_array(values, "w"))
    save(wrong, path)
    assert not jpegcompile.verify(model, path, samples=4).passed


def test_a_second_attempt_does_not_hold_the_first(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An attempt frees its models before the next: both together need too much memory."""
    opened: list[weakref.ref[OwnRounding]] = []

    class Watched(OwnRounding):
        def __init__(self, *arguments: Any) -> None:
            gc.collect()
            assert not any(earlier() for earlier in opened)
            super().__init__(*arguments)
            opened.append(weakref.ref(self))

    monkeypatch.setattr(trial, "OwnRounding", Watched)
    model, path = model_of("scalar"), tmp_path / "compiled.onnx"
    jpegcompile.compile(model, preprocess="unit").save(path)
    assert jpegcompile.verify(model, path, images).passed
    assert len(opened) == 2
