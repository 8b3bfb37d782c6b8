"""The tolerance of `verify`, a multiple of the rounding error: no false alarms, no gaps."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper
from support.commands import fails, run_json
from support.graphs import Graph
from support.half_precision import halved
from support.images import make_jpeg
from support.tiny_residual import tiny_residual

import jpegcompile
from jpegcompile.errors import CheckFailedError
from jpegcompile.evaluation import trace
from jpegcompile.evaluation.meter import Meter, verification
from jpegcompile.evaluation.tolerance import Tolerance
from jpegcompile.evaluation.verification import Verification
from jpegcompile.evaluation.verify import require_passed
from jpegcompile.weights.write import save

Array = NDArray[np.float32]

# Contrast is normalized twice and strongly amplified, as in style transfer.
STYLE = Graph(
    "(T[N,3,32,32] x) => (T[] y) {"
    " a = Conv<pads=[1,1,1,1]>(x, w1)  b = InstanceNormalization<epsilon=1e-9>(a, one, zero)"
    " c = Relu(b)  d = Conv<pads=[1,1,1,1]>(c, w2)"
    " e = InstanceNormalization<epsilon=1e-9>(d, one, zero)"
    " r = Relu(e)  s = Add(r, c)  f = Conv<pads=[1,1,1,1]>(s, w3)  t = Tanh(f)"
    " k = Constant<value_float=150.0>()  y = Mul(t, k) }",
    {
        "w1": (8, 3, 3, 3),
        "w2": (8, 8, 3, 3),
        "w3": (3, 8, 3, 3),
        "one": np.ones(8),
        "zero": np.zeros(8),
    },
)
# Boxes of hundreds of pixels beside scores of thousandths, as in a detector's rows.
DETECTOR = Graph(
    "(T[N,3,32,32] x) => (T[] y) {"
    " a = Conv<pads=[1,1,1,1],strides=[2,2]>(x, w1)  b = Relu(a)"
    " p = Conv<pads=[1,1,1,1]>(b, boxes)  e = Exp(p)  k = Constant<value_float=40.0>()"
    " m = Mul(e, k) "
    " q = Conv<pads=[1,1,1,1]>(b, scores)  o = Sub(q, k2)  g = Sigmoid(o)  c = Concat<axis=1>(m, g)"
    " s = Constant<value_ints=[0,85,-1]>()  v = Reshape(c, s)  y = Transpose<perm=[0,2,1]>(v) }",
    {
        "w1": (8, 3, 3, 3),
        "boxes": (4, 8, 3, 3),
        "scores": (81, 8, 3, 3),
        "k2": np.full((1, 81, 1, 1), 9.0),
    },
)
# All answers are below 2e-4.
SMALL = Graph(
    "(T[N,3,16,16] x) => (T[] y) { a = Conv<pads=[1,1,1,1]>(x, w1)  r = Relu(a)"
    " g = GlobalAveragePool(r)  f = Flatten(g)  k = Constant<value_float=1e-5>()  y = Mul(f, k) }",
    {"w1": (8, 3, 3, 3)},
)
MODELS = {
    "style": STYLE.model("float"),
    "detector": DETECTOR.model("float"),
    "small": SMALL.model("float"),
    "residual": tiny_residual(),
}


def compiled(model: onnx.ModelProto, folder: Path, **options: object) -> Path:
    path = folder / "compiled.onnx"
    given = {"input": "tensor", **options}
    jpegcompile.compile(model, **given).save(path)  # type: ignore[arg-type]
    return path


def changed(path: Path, name: str, values: Array) -> None:
    """Replace one weight of the compiled model."""
    model = onnx.load(path)
    weight = next(t for t in model.graph.initializer if t.name == name)
    weight.CopyFrom(numpy_helper.from_array(values.astype(np.float32), name))
    save(model, path)


def weights_of(path: Path) -> dict[str, Array]:
    """Return the kernels of the compiled model's convolutions."""
    tensors = onnx.load(path).graph.initializer
    return {t.name: numpy_helper.to_array(t) for t in tensors if len(t.dims) == 4 and t.dims[2] > 1}


def refused(result: Verification) -> str:
    assert not result.passed
    with pytest.raises(CheckFailedError) as error:
        require_passed(result)
    return str(error.value)


@pytest.mark.parametrize("native", [False, True])
@pytest.mark.parametrize("name", MODELS)
def test_rounding_is_no_fault(name: str, native: bool, tmp_path: Path) -> None:
    model = MODELS[name]
    path = compiled(model, tmp_path)
    for samples in (1, 12):
        result = jpegcompile.verify(model, path, samples=samples, native=native)
        require_passed(result)
        for output in result.outputs:
            assert output.own > 0
            assert output.jumps == 0
            # The tolerance is far below the error of a fault.
            assert output.allowed < 2e-3 * output.largest


@pytest.mark.parametrize("name", MODELS)
def test_a_kernel_off_by_a_thousandth_is_a_fault(name: str, tmp_path: Path) -> None:
    model = MODELS[name]
    path = compiled(model, tmp_path)
    for kernel, values in weights_of(path).items():
        # A normalization hides the scale of a kernel, but not the scale of one tap.
        factors = np.ones_like(values)
        factors[:, 0] += 1e-3
        changed(path, kernel, values * factors)
        assert "conversion error" in refused(jpegcompile.verify(model, path, samples=4))
        changed(path, kernel, values)
    require_passed(jpegcompile.verify(model, path, samples=4))


@pytest.mark.parametrize("name", MODELS)
def test_an_output_of_zeros_is_a_fault(name: str, tmp_path: Path) -> None:
    model = MODELS[name]
    path = compiled(model, tmp_path)
    broken = onnx.load(path)
    for index, output in enumerate(list(broken.graph.output)):
        maker = next(n for n in broken.graph.node if output.name in n.output)
        maker.output[list(maker.output).index(output.name)] = f"before.{index}"
        zero = numpy_helper.from_array(np.zeros((), np.float32), f"zero.{index}")
        broken.graph.initializer.append(zero)
        node = onnx.helper.make_node("Mul", [f"before.{index}", zero.name], [output.name])
        broken.graph.node.append(node)
    save(broken, path)
    refused(jpegcompile.verify(model, path, samples=4))


def test_a_column_of_small_scores_is_judged_by_itself(tmp_path: Path) -> None:
    model = MODELS["detector"]
    path = compiled(model, tmp_path)
    scores = weights_of(path)
    name = next(name for name, values in scores.items() if values.shape[0] in (81, 85))
    values = scores[name].copy()
    values[-1] *= 1.01
    changed(path, name, values)
    result = jpegcompile.verify(model, path, samples=4)
    (output,) = result.outputs
    assert output.component == 84
    assert output.largest < 1.0
    assert "conversion error" in refused(result)


@pytest.mark.parametrize(
    "preprocess", [{"mean": (0.5,) * 3}, {"std": (0.5,) * 3}, {"color": "BGR"}]
)
def test_wrong_preprocessing_is_a_fault(preprocess: dict[str, object], tmp_path: Path) -> None:
    """The file describes another preprocessing than it was compiled with."""
    model = MODELS["residual"]
    images = tmp_path / "images"
    images.mkdir()
    for index in range(3):
        (images / f"{index}.jpg").write_bytes(make_jpeg(32, 32, subsampling=2, seed=index))
    unit = {"mean": (0.0,) * 3, "std": (1.0,) * 3, "color": "RGB"}
    right = compiled(model, tmp_path, input="coefficients", preprocess=unit)
    require_passed(jpegcompile.verify(model, right, images))
    record = {p.key: p.value for p in onnx.load(right).metadata_props}
    wrong = compiled(model, tmp_path, input="coefficients", preprocess={**unit, **preprocess})
    other = onnx.load(wrong)
    for entry in other.metadata_props:
        mine, theirs = json.loads(entry.value), json.loads(record[entry.key])
        entry.value = json.dumps({**mine, "preprocess": theirs["preprocess"]})
    save(other, wrong)
    refused(jpegcompile.verify(model, wrong, images))


def test_a_tie_is_no_fault_and_is_counted(tmp_path: Path) -> None:
    """Two classes with the same weights: the order of sums decides which is larger."""
    graph = Graph(
        "(T[N,3,16,16] x) => (T[] y) { a = Conv<pads=[1,1,1,1]>(x, w1)  r = Relu(a)"
        " f = Flatten(r)  y = Gemm<transB=1>(f, u) }",
        {"w1": (8, 3, 3, 3), "u": np.repeat(np.random.default_rng(0).normal(size=(1, 2048)), 2, 0)},
    )
    model = graph.model("float")
    path = compiled(model, tmp_path)
    swapped = onnx.load(path)
    weight = next(t for t in swapped.graph.initializer if t.name.startswith("u"))
    values = numpy_helper.to_array(weight)
    axis = values.shape.index(2)
    # The second class is ahead by a few units in the last place.
    factors = np.array([1.0, 1.0 + 3e-7], np.float32)
    moved = values * np.expand_dims(factors, 1 - axis)
    changed(path, weight.name, moved)
    result = jpegcompile.verify(model, path, samples=8)
    require_passed(result)
    (output,) = result.outputs
    assert output.near_ties > 0
    assert output.same_top1 is not None
    assert output.same_top1 + output.near_ties == result.inputs == 8


def test_a_lead_that_is_lost_is_a_fault() -> None:
    expected = {"y": np.array([[1.0, 2.0], [1.0, 1.0 + 1e-7]], np.float32)}
    actual = {"y": expected["y"][:, ::-1].copy()}
    meter = Meter(Tolerance(relative=0.1))
    meter.outputs(["y"], actual, expected, None, inputs=2)
    result = verification(meter)
    assert (result.outputs[0].same_top1, result.outputs[0].near_ties) == (0, 1)
    assert not result.agrees(result.outputs[0])


def test_a_defect_is_named_and_not_what_follows_it(tmp_path: Path) -> None:
    model = MODELS["residual"]
    path = compiled(model, tmp_path)
    kernels = weights_of(path)
    middle = list(kernels)[1]
    changed(path, middle, kernels[middle] * 1.01)
    result = jpegcompile.verify(model, path, samples=2)
    reader = next(n.name for n in onnx.load(path).graph.node if middle in n.input)
    assert result.suspect == reader
    assert f"node '{reader}' is the first whose error" in refused(result)


def test_conditioning_is_called_by_its_name(tmp_path: Path) -> None:
    """A tolerance of the user below the network's rounding error."""
    model = MODELS["style"]
    path = compiled(model, tmp_path)
    result = jpegcompile.verify(model, path, samples=2, absolute=0.0, relative=1e-9)
    assert result.suspect is None
    message = refused(result)
    assert "every compared node is within its rounding error" in message
    assert "give --absolute or --relative" in message


@pytest.mark.parametrize("bytes_at_once", [1, 40_000])
def test_groups_change_no_figure(
    bytes_at_once: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tiny_residual()
    path = compiled(model, tmp_path)
    whole = jpegcompile.verify(model, path, samples=3)
    monkeypatch.setattr(trace, "GROUP_BYTES", bytes_at_once)
    parted = jpegcompile.verify(model, path, samples=3)
    assert {n.tensor for n in parted.nodes} == {n.tensor for n in whole.nodes}
    assert all(node.relative < 1e-5 for node in parted.nodes)
    kernels = weights_of(path)
    name = list(kernels)[1]
    changed(path, name, kernels[name] * 1.01)
    broken = jpegcompile.verify(model, path, samples=3)
    assert broken.suspect is not None
    assert max(node.relative for node in broken.nodes) > 1e-3


def test_float16_is_measured_against_its_float32_twin(tmp_path: Path) -> None:
    model = halved(tiny_residual())
    path = compiled(model, tmp_path)
    result = jpegcompile.verify(model, path, samples=8)
    require_passed(result)
    for output in result.outputs:
        assert 1e-5 * output.largest < output.own < 5e-3 * output.largest
    kernels = {
        t.name: numpy_helper.to_array(t)
        for t in onnx.load(path).graph.initializer
        if len(t.dims) == 4 and t.dims[2] > 1
    }
    broken = onnx.load(path)
    weight = next(t for t in broken.graph.initializer if t.name == next(iter(kernels)))
    weight.CopyFrom(numpy_helper.from_array(kernels[weight.name] * np.float16(1.25), weight.name))
    save(broken, path)
    refused(jpegcompile.verify(model, path, samples=8))


def test_figures_of_the_command(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    source = tmp_path / "small.onnx"
    onnx.save(MODELS["small"], source)
    path = tmp_path / "c.onnx"
    jpegcompile.compile(source, input="tensor").save(path)
    (output,) = run_json(capsys, "verify", source, path)["outputs"]
    assert 0 < output["own"] < output["allowed"] < 1e-4 * output["largest"]
    assert (output["near_ties"], output["jumps"], output["shapes"]) == (0, 0, None)
    kernel, values = next(iter(weights_of(path).items()))
    changed(path, kernel, 0 * values)
    message = fails(capsys, 1, "verify", source, path, prints=True)
    assert "likely a defect there" in message
    assert run_json(capsys, "verify", source, path, "--absolute", "1")["passed"]
