"""Models with an image input [C,H,W] or [H,W,C] without a batch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from PIL import Image
from support.codes import refused
from support.graphs import Graph, Weights, assert_same, evaluate, feeds_of, run_float32
from support.refusals import refused_model

import jpegcompile
from jpegcompile.errors import UnsupportedModelError, UsageError
from jpegcompile.jpeg.read import read_coefficients_many
from jpegcompile.messages import code_of
from jpegcompile.preprocessing.presets import PRESETS
from jpegcompile.runtime.input_tensors import original_input

HEIGHT, WIDTH = 32, 40
HEAD = """a = Conv<pads = [1, 1, 1, 1]>(im, w, b)  r = Relu(a)  p = GlobalAveragePool(r)
    f = Flatten(p)  y = Gemm<transB = 1>(f, u, c)"""
WEIGHTS: Weights = {
    "w": (4, 3, 3, 3),
    "w1": (4, 1, 3, 3),
    "b": (4,),
    "u": (5, 4),
    "c": (5,),
    "zero": np.asarray([0]),
    "one": np.asarray([1]),
    "bgr": np.asarray([2, 1, 0]),
    "mean": np.asarray([0.1, 0.2, 0.3]).reshape(3, 1, 1),
    "last": np.asarray([0.1, 0.2, 0.3]),
    "whole": np.asarray([1, 3, HEIGHT, WIDTH]),
    "most": np.asarray([100, 100]),
    "axes": np.asarray([1, 2]),
    "zero2": np.asarray([0, 0]),
}
CHW, HWC = f"3,{HEIGHT},{WIDTH}", f"{HEIGHT},{WIDTH},3"
FRONTS = {
    "unsqueeze": (CHW, "im = Unsqueeze(x, zero)"),
    "normalized": (CHW, "d = Sub(x, mean)  q = Div(d, mean)  im = Unsqueeze(q, zero)"),
    "reshape": (CHW, "im = Reshape(x, whole)"),
    "expand": (CHW, "im = Expand(x, whole)"),
    "channels": (CHW, "g = Gather(x, bgr)  im = Unsqueeze(g, zero)"),
    "split": (CHW, "k, l, m = Split<axis = 0>(x)  t = Concat<axis = -3>(m, l, k)"
              "  im = Unsqueeze(t, zero)"),
    "slice": (CHW, "s = Slice(x, zero2, most, axes)  im = Unsqueeze(s, zero)"),
    "last": (HWC, "t = Transpose<perm = [2, 0, 1]>(x)  im = Unsqueeze(t, zero)"),
    "last, normalized": (
        HWC,
        "d = Sub(x, last)  t = Transpose<perm = [2, 0, 1]>(d)  im = Unsqueeze(t, zero)",
    ),
    "last, batch first": (HWC, "n = Unsqueeze(x, zero)  im = Transpose<perm = [0, 3, 1, 2]>(n)"),
}  # fmt: skip


def network(front: str, head: str = HEAD, output: str = "1,5") -> Graph:
    shape, body = FRONTS[front]
    return Graph(f"(T[{shape}] x) => (T[{output}] y) {{ {body}  {head} }}", WEIGHTS)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Return three files, one of them with another chroma subsampling."""
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(7)
    paths = []
    for index, sampling in enumerate(("4:2:0", "4:4:4", "4:2:0")):
        coarse = rng.integers(0, 256, (HEIGHT // 8, WIDTH // 8, 3)).astype(np.uint8)
        image = Image.fromarray(coarse).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
        paths.append(folder / f"{index}.jpg")
        image.save(paths[-1], quality=90, subsampling=sampling)
    return paths


@pytest.mark.parametrize("front", list(FRONTS))
def test_tensors_keep_their_rank(front: str) -> None:
    model = network(front).model("float")
    feeds = feeds_of(model)
    compiled = jpegcompile.compile(model, input="tensor")
    (image,) = compiled.model.graph.input
    sizes = [d.dim_value for d in image.type.tensor_type.shape.dim]
    assert sizes == [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim]
    assert_same(run_float32(compiled.model, feeds), run_float32(model, feeds))
    assert "batch-no-dimension" in map(code_of, compiled.report.notes)


@pytest.mark.parametrize("mode", ["tensor", "coefficients", "jpeg"])
@pytest.mark.parametrize("front", ["unsqueeze", "normalized", "last, normalized"])
def test_files(front: str, mode: Any, photos: list[Path], tmp_path: Path) -> None:
    """A call with several files runs the model on one image at a time."""
    model = network(front).model("float")
    source, path = tmp_path / "source.onnx", tmp_path / "compiled.onnx"
    onnx.save(model, source)
    compiled = jpegcompile.compile(source, input=mode, preprocess="unit", strict=True)
    compiled.save(path)
    session = jpegcompile.load(path)
    (scores,) = session.run(photos)
    images = read_coefficients_many(photos)
    inputs = [original_input(i, PRESETS["unit"], session.info.input) for i in images]
    wanted = np.concatenate([run_float32(model, {"x": image})[0] for image in inputs])
    assert_same([scores], [wanted])
    assert jpegcompile.verify(source, path, photos[0].parent).passed
    feeds = session.feeds(photos[:1])
    if mode == "tensor":
        assert feeds["x"].shape == inputs[0].shape
        assert_same(session.run_feeds(feeds), [wanted[:1]])
        assert jpegcompile.verify(source, path, samples=3).passed
    assert_same(session.inference_session.run(None, feeds), [wanted[:1]])


@pytest.mark.parametrize(
    ("head", "output", "shape"),
    [
        (f"{HEAD.replace('y = Gemm', 'z = Gemm')}  y = Squeeze(z, zero)", "5", (5,)),
        ("a = Conv(im, w)  r = Relu(a)  y = Squeeze(r, zero)", "4,30,38", (4, 30, 38)),
        ("a = Conv(im, w)  r = Relu(a)  y = ReduceMean<keepdims = 0>(r)", "", ()),
    ],
)
def test_outputs_without_a_batch(
    head: str, output: str, shape: tuple[int, ...], photos: list[Path], tmp_path: Path
) -> None:
    """Outputs keep their shape, and get a batch if a call runs several images."""
    model, path = network("unsqueeze", head, output).model("float"), tmp_path / "compiled.onnx"
    onnx.save(model, tmp_path / "source.onnx")
    jpegcompile.compile(model, preprocess="unit").save(path)
    session = jpegcompile.load(path)
    (result,) = session.run(photos)
    assert result.shape == (len(photos), *shape)
    assert session.inference_session.run(None, session.feeds(photos[:1]))[0].shape == shape
    image = original_input(read_coefficients_many(photos)[2], PRESETS["unit"], session.info.input)
    assert_same([result[2]], run_float32(model, {"x": image}))


def test_one_image_a_run(photos: list[Path], tmp_path: Path) -> None:
    path = tmp_path / "compiled.onnx"
    compiled = jpegcompile.compile(
        network("unsqueeze").model("float"), input="tensor", preprocess="unit"
    )
    compiled.save(path)
    with refused("feeds-one-image-per-run", UsageError) as caught:
        jpegcompile.load(path).feeds(photos)
    assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.thorough
def test_bench_runs_both_sides(tmp_path: Path) -> None:
    source, path = tmp_path / "source.onnx", tmp_path / "compiled.onnx"
    onnx.save(network("last").model("float"), source)
    jpegcompile.compile(source, input="tensor").save(path)
    result = jpegcompile.bench(source, path, threads=(1,), rounds=1, seconds=0.01)
    assert [cell.batch for cell in result.cells] == [1]


def test_integers_and_one_channel() -> None:
    text = f"""(uint8[{HWC}] x) => (float[1,5] y) {{ k = Cast<to = 1>(x)
        t = Transpose<perm = [2, 0, 1]>(k)  im = Unsqueeze(t, zero)  {HEAD} }}"""
    model = Graph(text, WEIGHTS).model("float")
    compiled = jpegcompile.compile(model, preprocess="none", strict=True)
    assert compiled.report.casts == 0
    for axis in ("zero", "one"):
        text = f"(T[1,{HEIGHT},{WIDTH}] x) => (T[1,5] y) {{ im = Unsqueeze(x, {axis})  {HEAD} }}"
        gray = Graph(text.replace("(im, w, b)", "(im, w1, b)"), WEIGHTS).model("float")
        feeds = feeds_of(gray)
        compiled = jpegcompile.compile(gray, input="tensor", strict=True)
        assert_same(run_float32(compiled.model, feeds), run_float32(gray, feeds))


def test_below_opset_13() -> None:
    text = f"""(T[{CHW}] x) => (T[1,4,{HEIGHT},{WIDTH}] y) {{ d = Sub(x, mean)
        n = Unsqueeze<axes = [0]>(d)  y = Conv<pads = [1, 1, 1, 1]>(n, w) }}"""
    model = Graph(text, WEIGHTS, opset=11).model("float")
    compiled = jpegcompile.compile(model, input="tensor", strict=True)
    feeds = feeds_of(model)
    assert_same(run_float32(compiled.model, feeds), run_float32(model, feeds))


def test_what_has_no_rule_keeps_the_rank_before_it() -> None:
    """Compute the mean of each image before the batch is added."""
    text = f"""(T[{CHW}] x) => (T[1,5] y) {{ m = ReduceMean<axes = [1, 2]>(x)  d = Sub(x, m)
        im = Unsqueeze(d, zero)  {HEAD} }}"""
    model = Graph(text, WEIGHTS).model("float")
    compiled = jpegcompile.compile(model, input="tensor")
    feeds = feeds_of(model)
    assert_same(run_float32(compiled.model, feeds), run_float32(model, feeds))


def test_an_image_that_is_an_output() -> None:
    text = f"(T[{CHW}] x) => (T[1,5] y, T[{CHW}] x) {{ im = Unsqueeze(x, zero)  {HEAD} }}"
    model = Graph(text.replace(f", T[{CHW}] x)", ")"), WEIGHTS).model("float")
    model.graph.output.append(model.graph.input[0])
    assert "input 'x'" in refused_model("unbatched-image-is-output", UnsupportedModelError, model)


def test_three_dimensions_that_are_no_image() -> None:
    text = "(T[N,28,28] x, T[7] z) => (T[N,28,28] y) { y = Relu(x) }"
    message = refused_model("no-image-input", UnsupportedModelError, Graph(text).model("float"))
    assert "('x' [N,28,28], 'z' [7])" in message


def test_a_model_without_inputs() -> None:
    graph = Graph("(T[1,3,8,8] x) => (T[1,3,8,8] y) { y = Relu(x) }", {"x": (1, 3, 8, 8)})
    refused_model("no-image-input", UnsupportedModelError, graph.model("float"))


def test_the_image_by_its_name() -> None:
    """A named image input can have any number of channels."""
    text = """(T[6,16,16] x, T[3,16,16] z) => (T[1,6,16,16] y) {
        n = Unsqueeze(x, zero)  y = Relu(n) }"""
    model = Graph(text, {"zero": np.asarray([0])}).model("float")
    compiled = jpegcompile.compile(model, input="tensor", image_input="x").model
    feeds = feeds_of(model)
    assert_same(run_float32(compiled, feeds), evaluate(model, feeds))
