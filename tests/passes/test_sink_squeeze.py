"""The Squeeze after an image without batch moves downstream to its inverse."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support.graphs import (
    TENSOR,
    Graph,
    Weights,
    apply,
    assert_same,
    evaluate,
    feeds_of,
    outline_of,
)

from jpegcompile.backends.emit import emit
from jpegcompile.frontend.graph import graph_at_size
from jpegcompile.frontend.load import load_source
from jpegcompile.ir.module import Module
from jpegcompile.options.fitted import image_of
from jpegcompile.pipeline import pipeline_for
from jpegcompile.target.ort import ORT

NAME = "sink-squeeze"
WEIGHTS: Weights = {
    "zero": np.asarray([0]),
    "two": np.asarray([2]),
    "most": np.asarray([99]),
    "order": np.asarray([2, 1, 0]),
    "pixels": (3, 8, 16),
    "number": np.asarray(0.5),
    "rank4": (1, 3, 8, 16),
    "given": np.asarray([1, 3, 8, 16]),
    "single": np.asarray(0),
}


def module_before(text: str, name: str, opset: int = 17, takes_files: bool = False) -> Module:
    source = load_source(Graph(text, WEIGHTS, opset).model("double"))
    image = image_of(source, None)
    options = replace(TENSOR, input_mode="coefficients") if takes_files else TENSOR
    module = Module(graph_at_size(source.model, None, image), image, options)
    for step in pipeline_for(ORT):
        if step.name == name:
            break
        step.run(module)
    return module


@pytest.mark.parametrize(
    ("body", "outline"),
    [
        ("y = Unsqueeze(x, zero)", "Identity"),
        ("a = Relu(x)  y = Unsqueeze(a, zero)", "Relu"),
        ("a = Sub(x, pixels)  b = Mul(a, number)  y = Unsqueeze(b, zero)", "Sub Mul"),
        ("a = Neg(x)  b = Add(a, x)  y = Reshape(b, given)", "Neg Add"),
        ("a = Transpose(x)  b = Transpose(a)  y = Expand(b, given)", "Transpose Transpose"),
        ("a = Gather(x, order)  y = Unsqueeze(a, zero)", "Gather"),
        ("a = Slice(x, zero, most, two)  y = Unsqueeze(a, zero)", "Slice"),
        ("a = Slice(x, zero, most)  y = Unsqueeze(a, zero)", "Slice"),
        (
            "a, b = Split<axis = -1>(x)  c = Concat<axis = 2>(b, a)  y = Unsqueeze(c, zero)",
            "Split Concat",
        ),
        # These keep the Squeeze before them.
        ("a = Add(x, rank4)  y = Relu(a)", "Squeeze Add Relu"),
        ("a = Gather<axis = 1>(x, single)  y = Relu(a)", "Squeeze Gather Relu"),
        ("a = ReduceMax<keepdims = 0>(x)  y = Relu(a)", "Squeeze ReduceMax Relu"),
        ("a = Concat<axis = 0>(x, pixels)  y = Relu(a)", "Squeeze Concat Relu"),
        ("y = Unsqueeze(x, two)", "Squeeze Unsqueeze"),
        ("y = Relu(x)", "Relu Squeeze"),
    ],
)
@pytest.mark.parametrize("opset", [11, 17])
def test_rules(body: str, outline: str, opset: int) -> None:
    if opset < 13:
        if "Split" in body:
            pytest.skip("a Split of unequal parts")
        for name, value in (("zero", 0), ("two", 2)):
            body = body.replace(f"Unsqueeze(x, {name})", f"Unsqueeze<axes = [{value}]>(x)")
            for tensor in "abc":
                old, new = f"Unsqueeze({tensor}, {name})", f"Unsqueeze<axes = [{value}]>({tensor})"
                body = body.replace(old, new)
    text = f"(T[3,8,16] x) => (T[] y) {{ {body} }}"
    model = Graph(text, WEIGHTS, opset).model("double")
    module = module_before(text, NAME, opset)
    changed = apply(module, NAME)
    assert outline_of(module) == outline
    # A Squeeze and its Unsqueeze cancel before this pass.
    assert changed == (not outline.startswith("Squeeze") and outline != "Identity")
    feeds = feeds_of(model)
    batch = {"x": feeds["x"][None]}
    assert_same(evaluate(emit(module), batch), evaluate(model, feeds))


def test_models_with_a_batch_are_left_alone() -> None:
    body = "a = Squeeze(x, zero)  b = Relu(a)  y = Unsqueeze(b, zero)"
    text = f"(T[1,3,8,16] x) => (T[] y) {{ {body} }}"
    module = module_before(text, NAME)
    assert not apply(module, NAME)
    assert outline_of(module) == "Squeeze Relu Unsqueeze"


@pytest.mark.parametrize("opset", [11, 17])
def test_tensors_get_their_rank_back(opset: int) -> None:
    axes = "<axes = [0]>(a)" if opset < 13 else "(a, zero)"
    text = f"(T[3,8,16] x) => (T[1,3,8,16] y) {{ a = Relu(x)  y = Unsqueeze{axes} }}"
    module = module_before(text, "take-one-image", opset)
    assert apply(module, "take-one-image")
    assert [tuple(t.shape) for t in module.graph.inputs] == [(3, 8, 16)]
    feeds = feeds_of(Graph(text, WEIGHTS, opset).model("double"))
    wanted = evaluate(Graph(text, WEIGHTS, opset).model("double"), feeds)
    assert_same(evaluate(emit(module), feeds), wanted)
