"""Modules of small ONNX models: outputs, names, statistics, what is written back, refusals."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from support.codes import refused
from support.external_models import external_residual
from support.graphs import Graph
from support.learning_onnx import (
    CLOSE,
    answers,
    checked,
    difference,
    gradients,
    images_of,
    learn,
    run,
)
from support.nhwc_networks import resnet_v2, squeezed_head
from support.tiers import quick_of
from torch import nn

import jpegcompile
from jpegcompile.errors import AccessError, InternalError, UnsupportedModelError, UsageError
from jpegcompile.frequency_plan import NodeFrequencies
from jpegcompile.frontend import load
from jpegcompile.learning import from_onnx, logits_of, to_onnx
from jpegcompile.learning.onnx.origins import Origin
from jpegcompile.learning.onnx.paths import Paths, path_of_node

TEXT = """(T[N,3,16,16] image) => (T[] y) {
    c = Conv<pads = [1, 1, 1, 1]>(image, conv_weight)
    b = BatchNormalization<momentum = 0.8>(c, bn_weight, bn_bias, bn_running_mean, bn_running_var)
    r = Relu(b)  m = MaxPool<kernel_shape = [2, 2], strides = [2, 2]>(r)
    g = GlobalAveragePool(m)  f = Flatten(g)
    l = Gemm<transB = 1>(f, fc_weight, fc_bias)  y = Softmax(l) }"""
WEIGHTS: dict[str, Any] = {
    "conv_weight": (8, 3, 3, 3),
    "bn_weight": np.linspace(0.5, 1.5, 8),
    "bn_bias": np.linspace(-0.2, 0.2, 8),
    "bn_running_mean": np.linspace(-0.1, 0.3, 8),
    "bn_running_var": np.linspace(0.8, 1.2, 8),
    "fc_weight": (5, 8),
    "fc_bias": (5,),
}


def network(dtype: str = "double", last: str = "Softmax") -> onnx.ModelProto:
    """A small network whose initializers have the names of PyTorch, which ONNX text excludes."""
    model = Graph(TEXT.replace("Softmax", last), WEIGHTS).model(dtype)
    for tensor in model.graph.initializer:
        tensor.name = tensor.name.replace("_", ".", 1)
    for node in model.graph.node:
        node.input[:] = [n.replace("_", ".", 1) if n in WEIGHTS else n for n in node.input]
    return model


class Twin(nn.Module):
    """The network of `network` as one writes it in PyTorch."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(8, momentum=0.2)
        self.fc = nn.Linear(8, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        maps = torch.max_pool2d(torch.relu(self.bn(self.conv(x))), 2)
        return self.fc(maps.mean((2, 3))).softmax(1)  # type: ignore[no-any-return]


def test_a_checkpoint_of_the_original_loads() -> None:
    torch.manual_seed(0)
    module: Any = from_onnx(network())
    twin = Twin().double()
    module.load_state_dict(twin.state_dict())
    images = torch.from_numpy(images_of(module))
    twin.eval()
    assert difference(run(module, images.numpy()), [twin(images).detach().numpy()]) < CLOSE
    assert to_onnx(from_onnx(network())) == network()


def test_training_is_that_of_the_original() -> None:
    torch.manual_seed(0)
    module: Any = from_onnx(network(), input="spatial")
    twin = Twin().double()
    twin.load_state_dict(module.state_dict())
    images = torch.from_numpy(images_of(module, 4))
    found, wanted = gradients(module, images), gradients(twin, images)  # type: ignore[arg-type]
    assert found.keys() == wanted.keys()
    assert all(torch.allclose(found[k], wanted[k], rtol=1e-8, atol=1e-12) for k in wanted)
    for name, value in twin.named_buffers():
        assert torch.allclose(module.get_buffer(name), value, rtol=1e-10, atol=1e-12), name
    assert module.bn.num_batches_tracked == 1
    written = {t.name: numpy_helper.to_array(t) for t in to_onnx(module).graph.initializer}
    assert np.array_equal(written["bn.running_mean"], module.bn.running_mean.numpy())


def test_softmax_can_be_left_out() -> None:
    module: Any = from_onnx(network(), domain="spatial")
    images = torch.from_numpy(images_of(module))
    assert module.ends_in_softmax
    logits: Any = logits_of(module)
    assert not logits.ends_in_softmax
    assert torch.allclose(logits(images).softmax(1), module(images), rtol=1e-12)
    assert logits.fc.weight is module.fc.weight
    assert logits_of(logits) is logits
    plain: Any = from_onnx(network(last="Identity"))
    assert not plain.ends_in_softmax


@pytest.mark.parametrize(("frequencies", "truncate"), [(15, None), (9, None), (15, 6), (8, 10)])
def test_masks_are_those_of_the_compiled_file(frequencies: int, truncate: int | None) -> None:
    options: dict[str, Any] = {"frequencies": frequencies, "truncate": truncate}
    model = network("float")
    module: Any = from_onnx(model, **options)
    images = images_of(module, dtype=np.float32)
    compiled = jpegcompile.compile(model, input="tensor", target="onnx", **options).model
    # float32: the rounding of the DCT may flip the mask of a pixel near zero, which adds little.
    assert difference(run(module, images), answers(compiled, images)) < 1e-5
    if truncate or frequencies < 15:
        assert difference(run(module, images), answers(model, images)) > 1e-4


def test_the_compiled_file_has_the_set_frequencies(tmp_path: Path) -> None:
    module: Any = from_onnx(network("float"), truncate=10)
    to_onnx(module, compiled=tmp_path / "ten.onnx")
    module.set_frequencies(8)
    to_onnx(module, tmp_path / "spatial.onnx", compiled=tmp_path / "eight.onnx", preprocess="unit")
    (ten,), (eight,) = (
        [n for n in jpegcompile.inspect(tmp_path / f"{name}.onnx").report.nodes if n.op == "Relu"]
        for name in ("ten", "eight")
    )
    assert (ten.masking, ten.truncate, eight.masking, eight.frequencies) == ("exact", 10, "asm", 8)
    assert onnx.load(tmp_path / "spatial.onnx") == network("float")


def test_decisions_that_are_set_are_compiled(tmp_path: Path) -> None:
    module: Any = from_onnx(network("float"), frequencies=8)
    images = images_of(module, dtype=np.float32)
    module.set_frequencies(decisions={"r": NodeFrequencies(5, 9)}, masking="apx")
    to_onnx(logits_of(module), compiled=tmp_path / "c.onnx", input="tensor", target="onnx")
    compiled = answers(onnx.load(tmp_path / "c.onnx"), images)
    assert difference(run(module, images), compiled) < 1e-5
    nodes = {n.op: n for n in jpegcompile.inspect(tmp_path / "c.onnx").report.nodes}
    relu, pool = nodes["Relu"], nodes["MaxPool"]
    assert (relu.masking, relu.frequencies, relu.truncate) == ("apx", 5, 9)
    assert pool.masking == "exact"


def test_a_copy_on_pixels_is_written() -> None:
    module: Any = from_onnx(network(), domain="spatial")
    learn(module)
    for other in (copy.deepcopy(module), pickle.loads(pickle.dumps(module)), logits_of(module)):
        assert to_onnx(other) == to_onnx(module)


def test_weights_that_are_too_large_for_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(model: onnx.ModelProto) -> bytes:
        assert model.ByteSize() < 1 << 16, "a model with its weights was serialized"
        return bytes(model.SerializeToString(deterministic=True))

    monkeypatch.setattr(load, "_serialized", refuse)
    module: Any = from_onnx(external_residual(tmp_path, hidden=256))
    images = images_of(module, dtype=np.float32)
    before = run(module, images)
    learn(module)
    written = tmp_path / "learned.onnx"
    to_onnx(module, written)
    assert sorted(f.name for f in tmp_path.glob("learned*")) == [
        "learned.onnx", "learned.onnx.data"
    ]  # fmt: skip
    after = answers(onnx.load(written), images)
    assert difference(run(module, images), after) < 1e-5
    assert difference(before, after) > 1e-3
    with refused("output-write-failed", AccessError):
        to_onnx(module, tmp_path / "none" / "learned.onnx")


def test_modules_with_names_of_attributes() -> None:
    model = network()
    for node in model.graph.node:
        node.input[:] = [n.replace("bn.", "source.").replace("fc.", "report.") for n in node.input]
    for tensor in model.graph.initializer:
        tensor.name = tensor.name.replace("bn.", "source.").replace("fc.", "report.")
    checked(model)
    assert "bn.weight" not in from_onnx(model, domain="spatial").state_dict()


@pytest.mark.parametrize(
    "model", quick_of([resnet_v2(9, False), resnet_v2(13, True), squeezed_head(13, True)], quick=2)
)
def test_rearranged_weights_go_back_to_their_place(model: Graph) -> None:
    assert checked(model.model()).source.rewritten is None


def test_a_shared_vector_becomes_one_for_each_reader() -> None:
    text = """(T[N,3,16,16] image) => (T[] y) {
        a = Conv(image, w)  b = BatchNormalization(a, ones, zeros, zeros, ones)
        c = Conv(b, v)  d = BatchNormalization(c, ones, zeros, zeros, ones)  y = Conv(d, v) }"""
    shared: dict[str, Any] = {
        "w": (4, 3, 3, 3),
        "v": (4, 4, 3, 3),
        "ones": np.ones(4),
        "zeros": np.zeros(4),
    }
    module = checked(Graph(text, shared).model())
    kernels = [p for p in module.parameters() if p.dim() == 4]
    vectors = [p for p in module.parameters() if p.dim() == 1]
    assert len(kernels) == 2
    assert len(vectors) == 4
    assert to_onnx(from_onnx(Graph(text, shared).model())) == Graph(text, shared).model()


def test_a_weight_that_is_computed_rewrites_the_graph() -> None:
    text = """<ir_version: 8, opset_import: ["": 17, "own": 1]>
    graph (double[N,3,16,16] x) => (double[N,4,14,14] y) { y = own.layer(x) }
    <opset_import: ["": 17], domain: "own">
    layer (x) => (y) { w = Constant<value = double[4,3,3,3] {VALUES}>()  y = Conv(x, w) }"""
    values = ", ".join(f"{v:.6f}" for v in np.random.default_rng(0).standard_normal(108))
    module = checked(onnx.parser.parse_model(text.replace("VALUES", values)))
    assert module.source.rewritten.code == "learning-graph-rewritten"


def test_a_weight_in_another_place_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    module: Any = from_onnx(network())
    learn(module)
    source = module.source
    monkeypatch.setitem(source.origins, "bn.weight", Origin("bn.bias"))
    with refused("learning-weights-misplaced", InternalError):
        to_onnx(module)
    order = np.arange(216)[::-1].copy()
    monkeypatch.setitem(source.origins, "bn.weight", Origin("bn.weight"))
    monkeypatch.setitem(source.origins, "conv.weight", Origin("conv.weight", order))
    with refused("learning-weights-misplaced", InternalError):
        to_onnx(module)


def test_half_precision_is_rounded_in_the_file() -> None:
    model = network("float16")
    module: Any = from_onnx(model, domain="spatial")
    assert module.conv.weight.dtype == torch.float32
    learn(module)
    written = {t.name: numpy_helper.to_array(t) for t in to_onnx(module).graph.initializer}
    weight = module.conv.weight.detach().numpy()
    assert written["conv.weight"].dtype == np.float16
    assert np.array_equal(written["conv.weight"], weight.astype(np.float16))


def test_paths_of_modules() -> None:
    paths = Paths(["layer1.conv.weight"])
    assert paths.take("layer1.conv") == "layer1.conv_2"
    assert paths.take("layer1.conv", is_named=True) == "layer1.conv"
    assert paths.take("layer1.conv.inner") == "layer1_conv_inner"
    assert paths.take("layer1") == "layer1_2"
    assert paths.take("training.forward") == "training_.forward_"
    scoped = "/layer1/layer1.0/conv1/Conv_1"
    assert path_of_node(scoped, "Conv", has_parameters=True) == "layer1.0.conv1"
    assert path_of_node(scoped, "Conv", has_parameters=False) == "layer1.0.conv1.Conv_1"
    assert path_of_node("n:3", "Conv", has_parameters=True) == "n_3"


def test_refusals() -> None:
    fixed = "(T[2,3,16,16] x) => (T[] y) { y = Conv(x, w) }"
    kernel: dict[str, Any] = {"w": (4, 3, 3, 3)}
    with refused("learning-batch-fixed", UnsupportedModelError):
        from_onnx(Graph(fixed, kernel).model())
    two = "(T[N,3,16,16] x, T[N,4,14,14] z) => (T[] y) { c = Conv(x, w)  y = Add(c, z) }"
    with refused("learning-second-input", UnsupportedModelError):
        from_onnx(Graph(two, kernel).model(), image_input="x")
    unknown = "(T[N,3,16,16] x) => (T[] y) { c = Conv(x, w)  y = Det(c) }"
    with refused("torch-operator-unknown", UnsupportedModelError):
        from_onnx(Graph(unknown, kernel).model())
    last = """(T[N,16,16,3] x) => (T[] y) { s = CumSum(x, axis)
        f = Transpose<perm = [0, 3, 1, 2]>(s)  y = Conv(f, w) }"""
    with refused("learning-image-layout", UnsupportedModelError):
        from_onnx(Graph(last, {**kernel, "axis": np.asarray(1)}).model())
    slopes = """(T[N,3,16,16] x) => (T[] y) { c = Conv<pads = [1,1,1,1]>(x, w)
        y = PRelu(c, slope) }"""
    columns = {**kernel, "slope": np.linspace(0, 1, 16).reshape(1, 1, 16)}
    with refused("learning-mask-unknown", UnsupportedModelError):
        from_onnx(Graph(slopes, columns).model(), frequencies=8)
    with refused("frequencies-in-spatial-domain", UsageError):
        from_onnx(network(), domain="spatial", frequencies=8)
    with refused("learning-size-missing", UsageError):
        to_onnx(nn.ReLU())
