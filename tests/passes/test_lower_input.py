"""Models with coefficient inputs equal the source on the float decode of the same coefficients."""

from __future__ import annotations

import numpy as np
import pytest
from support.codes import refused
from support.coefficient_models import (
    NORMALIZE,
    check_coefficients,
    coefficient_inputs,
    compiled,
    images_for,
    module_options,
    pixels_of,
)
from support.graphs import (
    BATCH,
    Graph,
    apply,
    assert_same,
    check_untouched,
    evaluate,
    kept_reasons,
    module_before,
    outline_of,
)

from jpegcompile.backends.emit import emit
from jpegcompile.errors import UnsupportedModelError

BODY = "{ c = Conv<pads = [1, 1, 1, 1]>(x, w, b)  y = Relu(c) }"
FIRST = Graph(f"(T[N,3,16,24] x) => (T[] y) {BODY}", {"w": (4, 3, 3, 3), "b": (4,)})
GRAY = Graph(f"(T[N,1,16,24] x) => (T[] y) {BODY}", {"w": (4, 1, 3, 3), "b": (4,)})
TURN = "Transpose<perm = [0, 3, 1, 2]>"


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:4:0", "4:2:0", "4:1:1"])
@pytest.mark.parametrize("size", ["16,24", "14,10", "7,9"])
def test_color(size: str, subsampling: str) -> None:
    graph = FIRST.with_text("16,24", size)
    module = check_coefficients(graph, graph.perturbed("w", 1e-4), subsampling=subsampling)
    assert kept_reasons(module) == {}


def test_structure() -> None:
    module = compiled(FIRST)
    assert outline_of(module) == "JpegIngest JpegConvRelu ToSpatial"
    inputs = {tensor.name: (tensor.dtype, tensor.shape) for tensor in module.graph.inputs}
    assert inputs == {
        "luma": (np.int16, ("N", 1, 2, 3, 8, 8)),
        "chroma": (np.int16, ("N", 2, 1, 2, 8, 8)),
        "quantization": (np.uint16, ("N", 3, 8, 8)),
    }
    assert module.twins[str(module.ingest_output)] == "x"


def test_the_pass_alone() -> None:
    options = module_options(FIRST)
    module = module_before(FIRST, "lower-input", options)
    assert apply(module, "lower-input")
    assert outline_of(module) == "JpegIngest ToSpatial Conv Relu"
    images = images_for(module)
    wanted = evaluate(FIRST.model(), {"x": pixels_of(module, images)})
    assert_same(evaluate(emit(module), coefficient_inputs(images)), wanted)


@pytest.mark.parametrize("opset", [7, 9, 13, 22])
def test_opsets(opset: int) -> None:
    check_coefficients(Graph(FIRST.text, FIRST.weights, opset))


def test_gray_models() -> None:
    module = check_coefficients(GRAY, GRAY.perturbed("b"), preprocess="unit")
    assert [tensor.name for tensor in module.graph.inputs] == ["luma", "quantization"]
    assert module.options.subsampling == "gray"


def test_gray_files_for_a_color_model() -> None:
    module = check_coefficients(FIRST, subsampling="gray")
    assert outline_of(module).startswith("JpegIngestGray ")


def test_color_order() -> None:
    check_coefficients(FIRST, preprocess={**NORMALIZE, "color": "BGR"})


def test_a_tensor_as_input_stays() -> None:
    assert check_untouched(module_before(FIRST, "lower-input"), "lower-input") == {}


def test_a_fixed_batch() -> None:
    graph = FIRST.with_text("T[N,", f"T[{BATCH},")
    module = check_coefficients(graph)
    assert module.graph.inputs[0].shape[0] == BATCH


def test_a_channels_last_model_that_never_turns() -> None:
    graph = Graph("(T[N,16,24,3] x) => (T[] y) { y = DepthToSpace<blocksize = 1>(x) }")
    module = check_coefficients(graph, preprocess="unit")
    assert outline_of(module) == "JpegIngest ToSpatial Transpose DepthToSpace"


@pytest.mark.parametrize("name", ["luma", "chroma", "quantization"])
def test_refuses_tensors_of_the_same_name(name: str) -> None:
    graph = Graph(f"(T[N,3,16,24] x) => (T[] y) {{ {name} = Relu(x)  y = Abs({name}) }}")
    with refused("tensor-name-reserved", UnsupportedModelError) as caught:
        compiled(graph)
    assert f"'{name}'" in str(caught.value)
