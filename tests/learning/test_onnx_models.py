"""Third-party models, the families of the zoo and random networks as modules, with their checks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given, settings
from support.codes import refused
from support.exports import export
from support.families import FAMILIES, Family
from support.half_precision import halved
from support.learning_onnx import answers, difference, gradients, images_of, learn, run
from support.open_size import opened
from support.random_graph import Network
from support.random_networks import networks
from support.third_party import CIFAR10, GRAY, ThirdParty
from support.tiers import thorough
from support.zoo import with_random_weights

import jpegcompile
from jpegcompile.errors import UnsupportedModelError
from jpegcompile.learning import from_onnx, logits_of, to_onnx
from jpegcompile.learning.transforms import block_dct

# float32 sums of some thousand products in about twenty layers, of the largest magnitude.
CLOSE = 1e-5
HALF = 0.01
# Operators of random networks that have no equivalent with gradients in PyTorch.
_UNKNOWN = {"Hardmax", "MaxUnpool", "TopK"}
models = pytest.mark.parametrize("model", [*CIFAR10, GRAY], ids=lambda m: m.name)


@pytest.mark.shared
@thorough
@models
def test_outputs_and_round_trip(model: ThirdParty, shared: Path, tmp_path: Path) -> None:
    file = model.path(shared)
    source = onnx.load(file)
    module: Any = from_onnx(file)
    assert module.source.rewritten is None
    images = images_of(module, 3, np.float32)
    before = answers(source, images)
    assert difference(run(module, images), before) < CLOSE
    assert to_onnx(module, tmp_path / "same.onnx") == source
    learn(module)
    to_onnx(module, tmp_path / "learned.onnx")
    after = answers(onnx.load(tmp_path / "learned.onnx"), images)
    assert difference(run(module, images), after) < CLOSE
    assert difference(before, after) > 100 * CLOSE


@pytest.mark.shared
@thorough
@pytest.mark.parametrize(("frequencies", "truncate"), [(10, None), (8, None), (15, 8), (8, 10)])
@models
def test_compiled_files_agree(
    model: ThirdParty, frequencies: int, truncate: int | None, shared: Path
) -> None:
    file, asked = model.path(shared), {"frequencies": frequencies, "truncate": truncate}
    module: Any = from_onnx(file, **asked)  # type: ignore[arg-type]
    images = images_of(module, 8, np.float32)
    compiled = jpegcompile.compile(file, input="tensor", target="onnx", **asked).model  # type: ignore[arg-type]
    (found,), (wanted,) = run(module, images), answers(compiled, images)
    # A pixel whose approximation is near zero may get another mask by rounding: not in most images.
    close = abs(found - wanted).max(1) < CLOSE * abs(wanted).max()
    assert close.sum() >= 6
    assert abs(found - wanted).max() < 0.1 * abs(wanted).max()


@pytest.mark.shared
@thorough
@models
def test_gradients_are_those_of_pixels(model: ThirdParty, shared: Path) -> None:
    jpeg: Any = from_onnx(model.path(shared)).double()
    spatial: Any = from_onnx(model.path(shared), domain="spatial").double()
    images = torch.from_numpy(images_of(spatial))
    wanted = gradients(spatial, images)
    given_to = block_dct(images) if jpeg.input_block > 1 else images
    found = gradients(jpeg, given_to)
    assert found.keys() == wanted.keys()
    for name, gradient in wanted.items():
        assert abs(found[name] - gradient).max() < 1e-8 * abs(gradient).max(), name
    for name, value in spatial.named_buffers():
        assert torch.allclose(jpeg.get_buffer(name), value, rtol=1e-8), name


@pytest.mark.shared
@thorough
def test_models_with_other_ends(shared: Path) -> None:
    folder = shared / "models"
    with refused("learning-batch-fixed", UnsupportedModelError):
        from_onnx(folder / "sclbl_resnet20_if.onnx")
    light = onnx.load(folder / "light_resnet50.onnx")
    module: Any = from_onnx(light, domain="spatial").eval()
    images = images_of(module, 1, np.float32)
    assert to_onnx(module) == light
    module.load_state_dict(from_onnx(with_random_weights(light), domain="spatial").state_dict())
    written = to_onnx(module)
    assert not any(node.op_type == "ConstantOfShape" for node in written.graph.node)
    onnx.checker.check_model(written)
    assert difference(run(module, images), answers(written, images)) < CLOSE
    assert module.ends_in_softmax
    pixels = torch.from_numpy(images)
    assert torch.allclose(logits_of(module)(pixels).softmax(1), module(pixels), rtol=1e-5)
    half = halved(onnx.load(folder / "onnc_resnet20_bn.onnx"))
    small: Any = from_onnx(half)
    given_half = images_of(small, 2, np.float16)
    assert difference(run(small, given_half.astype(np.float32)), answers(half, given_half)) < HALF


@thorough
@pytest.mark.parametrize("family", [f for f in FAMILIES if not f.is_deep], ids=lambda f: f.name)
def test_families(family: Family, tmp_path: Path) -> None:
    model = onnx.load(export(family.build(), family.size, tmp_path / "m.onnx", "torchscript"))
    if family.name.startswith("CenterNet"):
        with refused("torch-operator-unknown", UnsupportedModelError):
            from_onnx(model)
        return
    module: Any = from_onnx(model)
    assert module.source.rewritten is None
    images = images_of(module, 2, np.float32)
    before = answers(model, images)
    assert difference(run(module, images), before) < family.allowed
    assert difference(answers(to_onnx(module), images), before) == 0
    learn(module, 1e-3)
    assert difference(run(module, images), answers(to_onnx(module), images)) < 10 * family.allowed


@thorough
@given(networks())
@settings(max_examples=20, deadline=None)
def test_random_networks(network: Network) -> None:
    model = opened(network.model(), 0, image="x")
    if {node.op_type for node in model.graph.node} & _UNKNOWN:
        with refused("torch-operator-unknown", UnsupportedModelError):
            from_onnx(model)
        return
    found = run(from_onnx(model), network.image)
    for name, value in zip(network.outputs, found, strict=True):
        wanted = network.values[name].numpy()
        assert abs(value - wanted).max(initial=0) < 1e-9 * max(abs(wanted).max(initial=0), 1), name
