"""Faults that verify must find, and the outputs that it supports."""

from __future__ import annotations

import math
import os
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper, parser
from support.codes import refused
from support.images import make_jpeg
from support.tiny_residual import tiny_residual

import jpegcompile
from jpegcompile.errors import AccessError, CheckFailedError, UnsupportedModelError, UsageError
from jpegcompile.evaluation.meter import Meter, verification
from jpegcompile.evaluation.tolerance import Tolerance
from jpegcompile.evaluation.verify import require_passed
from jpegcompile.weights.write import save

WEIGHT = numpy_helper.from_array(
    np.random.default_rng(3).normal(0, 0.3, (4, 3, 3, 3)).astype(np.float32), "w"
)


def convolved(tail: str, outputs: str, batch: str = "N", element: str = "float") -> onnx.ModelProto:
    """A convolution and a ReLU `r` [N, 4, 16, 16] followed by `tail`."""
    model = parser.parse_model(
        f'<ir_version: 8, opset_import: ["": 13]> g ({element}[{batch},3,16,16] x) => ({outputs})'
        f"{{ c = Conv<pads = [1, 1, 1, 1]>(x, w)  r = Relu(c)  {tail} }}"
    )
    model.graph.initializer.append(WEIGHT)
    return model


def compiled(model: onnx.ModelProto, folder: Path, **options: object) -> Path:
    path = folder / "compiled.onnx"
    jpegcompile.compile(model, **{"input": "tensor", **options}).save(path)  # type: ignore[arg-type]
    return path


def scaled_weight(path: Path, factor: float) -> Path:
    """Multiply the weights of the compiled model's convolution."""
    model = onnx.load(path)
    weight = next(t for t in model.graph.initializer if t.name == "w")
    weight.CopyFrom(numpy_helper.from_array(factor * numpy_helper.to_array(weight), "w"))
    save(model, path)
    return path


def test_infinite_outputs_pass_only_where_both_are_infinite(tmp_path: Path) -> None:
    model = convolved("y = Log(r)", "float[N,4,16,16] y")
    path = compiled(model, tmp_path)
    result = jpegcompile.verify(model, path, samples=4)
    assert np.isfinite(result.outputs[0].largest)
    wrong = jpegcompile.verify(model, scaled_weight(path, 5.0), samples=4)
    assert not wrong.passed
    with pytest.raises(CheckFailedError, match="output 'y'"):
        require_passed(wrong)


@pytest.mark.parametrize(
    ("actual", "expected", "error"),
    [
        ([1.0, np.inf], [1.0, np.inf], 0.0),
        ([1.0, np.inf], [1.0, -np.inf], math.inf),
        ([1.0, np.nan], [1.0, 2.0], math.inf),
        ([1.0, 2.0], [1.0, np.nan], math.inf),
        ([1.0, np.nan], [1.5, np.nan], 0.5),
        ([1.0], [1.0, 1.0], math.inf),
    ],
)
def test_distances(actual: list[float], expected: list[float], error: float) -> None:
    meter = Meter(Tolerance())
    meter.outputs(["y"], {"y": np.asarray([actual])}, {"y": np.asarray([expected])}, None, inputs=1)
    (output,) = meter.result()
    assert output.conversion == error


def test_numbers_that_nothing_is_verified_with(tmp_path: Path) -> None:
    model = tiny_residual()
    path = compiled(model, tmp_path)
    for name in ("absolute", "relative"):
        for value in (math.nan, math.inf, -1.0):
            with refused("tolerance-out-of-range", UsageError) as caught:
                jpegcompile.verify(model, path, **{name: value})  # type: ignore[arg-type]
            assert f"{name} is {value:g}" in str(caught.value)
    with refused("seed-out-of-range", UsageError):
        jpegcompile.verify(model, path, seed=-1)
    with refused("samples-out-of-range", UsageError):
        jpegcompile.verify(model, path, samples=0)


def test_what_has_not_passed_is_refused() -> None:
    meter = Meter(Tolerance(math.nan, math.nan))
    scores = {"y": np.asarray([[1.0, 2.0]])}
    meter.outputs(["y"], scores, scores, None, inputs=1)
    result = verification(meter)
    assert not result.passed
    with pytest.raises(CheckFailedError, match="output 'y'"):
        require_passed(result)


def test_every_lowered_node_is_compared(tmp_path: Path) -> None:
    # Maps of 28, 14 and 7 pixels: block sizes 4, 2 and 1.
    model = tiny_residual(height=28, width=28)
    path = compiled(model, tmp_path)
    lowered = {n.name for n in jpegcompile.inspect(path).report.nodes}
    compared = {node.node for node in jpegcompile.verify(model, path, samples=2).nodes}
    nodes = onnx.load(path).graph.node
    flattening = {n.name for n in nodes if n.op_type == "Flatten"}
    # Operators of a fused convolution have no tensors of their own.
    taken_in = lowered - {n.name for n in nodes}
    assert taken_in == {"c1", "c2", "c3", "c4"}
    assert lowered - flattening - taken_in <= compared
    assert {node.block for node in jpegcompile.verify(model, path, samples=2).nodes} >= {4, 2}


def test_the_product_behind_a_lowered_flatten_is_compared(tmp_path: Path) -> None:
    weights = np.random.default_rng(4).normal(0, 0.1, (1024, 6)).astype(np.float32)
    model = convolved("f = Flatten(r)  p = MatMul(f, u)  y = Relu(p)", "float[N,6] y")
    model.graph.initializer.append(numpy_helper.from_array(weights, "u"))
    path = compiled(model, tmp_path)
    errors = {node.twin: node.relative for node in jpegcompile.verify(model, path, samples=2).nodes}
    assert errors["p"] < 1e-5
    broken = onnx.load(path)
    turned = next(t for t in broken.graph.initializer if t.name == "u.jpeg")
    turned.CopyFrom(numpy_helper.from_array(1.01 * numpy_helper.to_array(turned), "u.jpeg"))
    save(broken, path)
    errors = {node.twin: node.relative for node in jpegcompile.verify(model, path, samples=2).nodes}
    assert errors["p"] > 5e-3


def test_a_fault_is_located(tmp_path: Path) -> None:
    model = convolved("g = GlobalAveragePool(r)  y = Flatten(g)", "float[N,4] y")
    path = scaled_weight(compiled(model, tmp_path), 1.01)
    result = jpegcompile.verify(model, path, samples=2)
    errors = {node.twin: node.relative for node in result.nodes}
    assert errors["r"] > 5e-3
    # The entry cast of the input is before the fault.
    assert errors["x"] < 1e-6


@pytest.mark.parametrize(
    ("tail", "output"),
    [
        ("y = ReduceMean<keepdims = 0>(r)", "float y"),
        ("s = Constant<value = int64[2] {1, -1}>()  y = Reshape(r, s)", "float[A,B] y"),
        ("k = Constant<value = float[3] {1, 2, 3}>()  y = Identity(k)", "float[3] y"),
    ],
)
def test_outputs_without_a_row_an_image_are_compared_as_wholes(
    tail: str, output: str, tmp_path: Path
) -> None:
    model = convolved(tail, output)
    path = compiled(model, tmp_path, input="coefficients", preprocess="unit")
    for index in range(2):
        (tmp_path / f"{index}.jpg").write_bytes(make_jpeg(16, 16, subsampling=2))
    files = sorted(tmp_path.glob("*.jpg"))
    with refused("output-without-rows", UsageError) as caught:
        jpegcompile.load(path).run(files)
    assert "output 'y'" in str(caught.value)
    result = jpegcompile.verify(model, path, tmp_path)
    require_passed(result)
    assert result.inputs == 2


def test_a_batch_without_a_name_runs_other_samplings(tmp_path: Path) -> None:
    model = convolved("g = GlobalAveragePool(r)  y = Flatten(g)", "float[N,4] y")
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].Clear()
    session = jpegcompile.load(compiled(model, tmp_path, input="coefficients", preprocess="unit"))
    images = [make_jpeg(16, 16, subsampling=s) for s in (2, 0, 1, 2)]
    (together,) = session.run(images)
    alone = [session.run([image])[0][0] for image in images]
    assert np.allclose(together, alone, atol=1e-5)


def test_float64_models_are_refused() -> None:
    model = convolved("y = Relu(r)", "double[N,4,16,16] y", element="double")
    values = numpy_helper.to_array(WEIGHT).astype(np.float64)
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(values, "w"))
    with pytest.raises(UnsupportedModelError) as error:
        jpegcompile.compile(model, input="tensor")
    assert error.value.code == "input-is-float64"


def test_models_with_other_inputs_are_refused(tmp_path: Path) -> None:
    model = tiny_residual(temperature=True)
    path = compiled(model, tmp_path, image_input="image")
    with refused("original-has-other-inputs", UsageError):
        jpegcompile.verify(model, path)


def test_saving_follows_links_and_spares_what_is_no_file(tmp_path: Path) -> None:
    model = jpegcompile.compile(tiny_residual(), input="tensor")
    (tmp_path / "link.onnx").symlink_to(tmp_path / "real.onnx")
    model.save(tmp_path / "link.onnx")
    assert (tmp_path / "link.onnx").is_symlink()
    assert (tmp_path / "real.onnx").stat().st_size > 1000
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", "folder"):
        (tmp_path / "folder").mkdir(exist_ok=True)
        with refused("output-not-a-file", AccessError):
            model.save(tmp_path / name)
    assert (tmp_path / "pipe").is_fifo()
    model.save(tmp_path / ("n" * 240 + ".onnx"))
