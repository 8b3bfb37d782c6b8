"""What models that see several views of an image refuse, and what they say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from support.codes import refused
from support.graphs import Graph
from support.images import make_jpeg
from support.tiny_residual import tiny_residual

import jpegcompile
from jpegcompile.errors import UsageError
from jpegcompile.runtime.outputs import RowsError

HEIGHT, WIDTH = SIZE = 24, 40
FILES = [make_jpeg(97, 61, subsampling="4:2:0"), make_jpeg(61, 130)]


def described(views: str = "ten") -> dict[str, Any]:
    return {"preset": "unit", "resize": 45, "crop": "center", "views": views}


def compiled(folder: Path, model: onnx.ModelProto, **options: Any) -> Path:
    path = folder / "views.onnx"
    jpegcompile.compile(model, **{"preprocess": described(), **options}).save(path)
    return path


def refusal(kind: type[Exception], make: Any) -> str:
    with pytest.raises(kind) as caught:
        make()
    return str(caught.value)


def test_what_sessions_say(tmp_path: Path) -> None:
    model = tiny_residual(height=HEIGHT, width=WIDTH)
    path = compiled(tmp_path, model)
    session = jpegcompile.load(path)
    with refused("view-missing", UsageError):
        session.feeds(FILES[:1])
    for view in (10, -1, 1.5, "a", True):
        given: Any = view
        with refused("view-out-of-range", UsageError) as caught:
            session.feeds(FILES[:1], given)
        assert str(caught.value).startswith(f"view is {view!r} but {path} ")
    last: Any = np.int64(9)
    assert session.feeds(FILES[:1], last).keys() == session.feeds(FILES[:1], 9).keys()
    one_view = np.zeros((2, 3, *SIZE), np.float32)
    with refused("image-views-missing", UsageError) as caught:
        session.run_image(one_view)
    assert "[2, 3, 24, 40]" in str(caught.value)
    session = jpegcompile.load(compiled(tmp_path, model, input="jpeg"))
    for number in (0, 1):
        with refused("view-not-separate", UsageError):
            session.feeds(FILES[:1], number)
    session = jpegcompile.load(compiled(tmp_path, model, preprocess=described("one")))
    assert session.feeds(FILES[:1], 0).keys() == session.feeds(FILES[:1]).keys()
    with refused("view-of-single-view", UsageError):
        session.feeds(FILES[:1], 1)


def with_output(model: onnx.ModelProto, node: onnx.NodeProto, kind: int, shape: Any) -> Any:
    """The model with one output more."""
    model.graph.node.append(node)
    model.graph.output.append(helper.make_tensor_value_info(node.output[0], kind, shape))
    return model


def test_outputs_without_an_average() -> None:
    node = helper.make_node("ArgMax", ["logits"], ["class"], axis=1, keepdims=0)
    model = with_output(tiny_residual(height=HEIGHT, width=WIDTH), node, TensorProto.INT64, ["N"])
    with refused("output-not-averaged", UsageError) as caught:
        jpegcompile.compile(model, preprocess=described())
    assert str(caught.value).startswith("model: output 'class' is int64")
    jpegcompile.compile(model, preprocess=described("one"))


@pytest.mark.parametrize("options", [{"input": "jpeg"}, {"decoder": "libjpeg-turbo"}])
def test_what_a_graph_cannot_average(options: dict[str, Any]) -> None:
    bound = tiny_residual(height=HEIGHT, width=WIDTH, batch=4)
    given = {"preprocess": described(), **options}
    with refused("views-need-dynamic-batch", UsageError) as caught:
        jpegcompile.compile(bound, **given)
    assert "input 'image' has the fixed batch size 4" in str(caught.value)
    text = "(T[N,3,24,40] x) => (T[] y) { y = ReduceMax<keepdims = 0>(x) }"
    whole = Graph(text, {}).model("float")
    with refused("views-output-shape", UsageError) as caught:
        jpegcompile.compile(whole, **given)
    assert "output 'y' has shape []" in str(caught.value)
    assert str(caught.value).endswith("export the model without that output")
    # The number of values in a row is known only at run time.
    text = """(T[N,3,24,40] x) => (T[] y) {
        s = ReduceMax<axes = [2, 3], keepdims = 0>(x)  k = NonZero(s)
        y = Gather<axis = 1>(s, k) }"""
    unknown = Graph(text, {}).model("float")
    with refused("views-output-shape", UsageError) as caught:
        jpegcompile.compile(unknown, **given)
    assert str(caught.value).endswith("use --input coefficients with --decoder float")


def test_outputs_that_mix_images(tmp_path: Path) -> None:
    text = "(T[N,3,24,40] x) => (T[] y) { y = ReduceMax<keepdims = 0>(x) }"
    session = jpegcompile.load(compiled(tmp_path, Graph(text, {}).model("float")))
    with refused("output-without-view-rows", RowsError) as caught:
        session.run(FILES[:1])
    assert str(caught.value).startswith("output 'y' ")
