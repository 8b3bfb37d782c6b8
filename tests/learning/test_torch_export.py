"""ONNX models of lowered modules: the spatial one, and the compiled one with the same masks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from support.codes import refused
from support.lowered import with_random_statistics
from support.torch_published import PUBLISHED
from support.torch_zoo import Design, ResNet
from torch import nn

from jpegcompile.errors import UnsupportedModelError, UsageError
from jpegcompile.learning import JpegAdaptiveAvgPool2d, JpegConv2d, JpegReLU, Truncate
from jpegcompile.learning.lowering.spatial import to_spatial_module
from jpegcompile.learning.torch_export import write_torch_onnx
from jpegcompile.learning.torch_import import from_torch
from jpegcompile.learning.transforms import block_dct
from jpegcompile.target.base import CPU_PROVIDERS

_DESIGN = Design(stem="cifar", widths=(8, 16), depths=(1, 1), activation=nn.ReLU6)
# float32, some ten layers.
_TOLERANCE = 1e-5


def outputs(path: Path, image: torch.Tensor) -> Any:
    session = ort.InferenceSession(str(path), providers=list(CPU_PROVIDERS))
    return session.run(None, {"image": image.numpy()})[0]


@pytest.mark.parametrize(("frequencies", "truncate"), [(8, 15), (15, 9)])
def test_both_models(tmp_path: Path, frequencies: int, truncate: int) -> None:
    torch.manual_seed(0)
    net = with_random_statistics(ResNet(_DESIGN)).eval()
    lowered = from_torch(net, 16, input="spatial", frequencies=frequencies, truncate=truncate)
    spatial, compiled = tmp_path / "spatial.onnx", tmp_path / "compiled.onnx"
    model = write_torch_onnx(
        lowered.train(), spatial, compiled=compiled, input="tensor", target="onnx"
    )
    assert lowered.training
    assert "BatchNormalization" in {node.op_type for node in model.graph.node}
    lowered.eval()
    image = torch.randn(3, 3, 16, 16)
    assert np.abs(outputs(spatial, image) - net(image).detach().numpy()).max() < _TOLERANCE
    masked = lowered(image).detach().numpy()
    assert np.abs(outputs(compiled, image) - masked).max() < _TOLERANCE
    assert np.abs(outputs(spatial, image) - masked).max() > 100 * _TOLERANCE


def composed(**masks: Any) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        JpegConv2d(3, 8, 3, padding=1),
        JpegReLU(frequencies=6),
        Truncate(7),
        JpegReLU(**masks),
        JpegAdaptiveAvgPool2d(1),
        nn.Flatten(),
    )


def test_composed_modules(tmp_path: Path) -> None:
    path, compiled = tmp_path / "a.onnx", tmp_path / "b.onnx"
    net = composed()
    write_torch_onnx(net, path, compiled=compiled, size=16, input="tensor", target="onnx")
    onnx.checker.check_model(onnx.load(path))
    image = torch.randn(2, 3, 16, 16)
    expected = net(block_dct(image)).detach().numpy()
    assert np.abs(outputs(compiled, image) - expected).max() < _TOLERANCE


def test_refusals(tmp_path: Path) -> None:
    with refused("learning-size-missing", UsageError):
        write_torch_onnx(composed())
    mixed = composed(frequencies=5, masking="apx")
    with refused("learning-maskings-differ", UsageError):
        write_torch_onnx(mixed, compiled=tmp_path / "b.onnx", size=16, input="tensor")
    with refused("learning-export-failed", UnsupportedModelError):
        write_torch_onnx(from_torch(nn.Sequential(nn.Conv2d(3, 4, 1), nn.AdaptiveMaxPool2d(5)), 16))
    unknown = type("JpegOther", (nn.ReLU,), {"__module__": "jpegcompile.learning.modules.other"})
    with refused("learning-no-spatial-form", UnsupportedModelError):
        to_spatial_module(nn.Sequential(unknown(), nn.Flatten()))


@pytest.mark.parametrize("name", ["functions", "stochastic depth"])
@pytest.mark.parametrize("training", [True, False])
def test_spatial_module_is_the_source(name: str, training: bool) -> None:
    torch.manual_seed(0)
    net = PUBLISHED[name]().double().train(training)
    spatial = to_spatial_module(from_torch(net, 32, frequencies=7, truncate=8))
    image = torch.randn(2, 3, 32, 32, dtype=torch.float64)
    assert list(spatial.state_dict()) == list(net.state_dict())
    torch.manual_seed(1)
    expected = net(image)
    torch.manual_seed(1)
    torch.testing.assert_close(spatial(image), expected, rtol=0, atol=1e-12)
