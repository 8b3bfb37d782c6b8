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
    assert refusal(UsageError, lambda: session.feeds(FILES[:1])) == (
        f"{path}: sees 10 views of an image, and a run takes one; call feeds with each view from 0"
        " to 9 and average the outputs, or use Session.run"
    )
    for view, text in ((10, "10"), (-1, "-1"), (1.5, "1.5"), ("a", "'a'"), (True, "True")):
        given: Any = view
        assert refusal(UsageError, lambda view=given: session.feeds(FILES[:1], view)) == (
            f"view is {text}, and a run of {path} takes one of 10; give a whole number from 0 to 9"
        )
    last: Any = np.int64(9)
    assert session.feeds(FILES[:1], last).keys() == session.feeds(FILES[:1], 9).keys()
    one_view = np.zeros((2, 3, *SIZE), np.float32)
    assert refusal(UsageError, lambda: session.run_image(one_view)) == (
        f"{path}: sees 10 views of an image, [N, 10, ...], and is given [2, 3, 24, 40]; make them"
        " with Session.image_of or Session.preprocessor"
    )
    session = jpegcompile.load(compiled(tmp_path, model, input="jpeg"))
    for number in (0, 1):
        assert refusal(UsageError, lambda view=number: session.feeds(FILES[:1], view)) == (
            f"view is {number}, and a run of {path} takes all that there are; leave it out"
        )
    session = jpegcompile.load(compiled(tmp_path, model, preprocess=described("one")))
    assert session.feeds(FILES[:1], 0).keys() == session.feeds(FILES[:1]).keys()
    assert refusal(UsageError, lambda: session.feeds(FILES[:1], 1)) == (
        f"view is 1, and {path} sees one view of an image; leave it out"
    )


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
    assert refusal(UsageError, lambda: jpegcompile.compile(bound, **given)) == (
        "input 'image' stays bound to batch 4, and the 10 views of an image are a batch of 10;"
        " export the model with an open batch, or use --input coefficients with --decoder float"
    )
    text = "(T[N,3,24,40] x) => (T[] y) { y = ReduceMax<keepdims = 0>(x) }"
    whole = Graph(text, {}).model("float")
    assert refusal(UsageError, lambda: jpegcompile.compile(whole, **given)) == (
        "output 'y' has shape [], and only an output [N, ...] of known sizes is averaged over"
        ' "views"; leave them out of --preprocess, or export the model without that output'
    )
    # How many values a row has is known at runtime alone.
    text = """(T[N,3,24,40] x) => (T[] y) {
        s = ReduceMax<axes = [2, 3], keepdims = 0>(x)  k = NonZero(s)
        y = Gather<axis = 1>(s, k) }"""
    unknown = Graph(text, {}).model("float")
    assert refusal(UsageError, lambda: jpegcompile.compile(unknown, **given)).endswith(
        "leave them out of --preprocess, or use --input coefficients with --decoder float"
    )


def test_outputs_that_mix_images(tmp_path: Path) -> None:
    text = "(T[N,3,24,40] x) => (T[] y) { y = ReduceMax<keepdims = 0>(x) }"
    session = jpegcompile.load(compiled(tmp_path, Graph(text, {}).model("float")))
    assert refusal(RowsError, lambda: session.run(FILES[:1])) == (
        "output 'y' does not hold one row for each of the 10 views of an image, so it cannot be"
        ' averaged over them; leave "views" out of --preprocess'
    )
