"""Idioms of PyTorch models as the tracing exporter writes them, with and without dynamic batch."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from support.graphs import assert_same, kept_reasons, outline_of, run_float32
from torch import Tensor, nn
from torch.nn import functional

from jpegcompile.backends.emit import emit
from jpegcompile.frontend.load import load_source
from jpegcompile.ir.module import CompileOptions
from jpegcompile.lowering import lower


class Idiom(nn.Module):
    """A module that applies a function to the image and some modules."""

    def __init__(self, function: Callable[..., Tensor], *modules: nn.Module) -> None:
        super().__init__()
        self.function, self.parts = function, nn.ModuleList(modules)

    def forward(self, image: Tensor) -> Tensor:
        return self.function(image, *self.parts)


def stem(x: Tensor) -> Tensor:
    """Space to depth of TResNet."""
    count, channels, height, width = x.size()
    tiles = x.view(count, channels, height // 4, 4, width // 4, 4)
    deep = tiles.permute(0, 3, 5, 1, 2, 4).contiguous()
    return deep.view(count, channels * 16, height // 4, width // 4)


def shuffled(x: Tensor) -> Tensor:
    """Channel shuffle of ShuffleNet."""
    count, channels, height, width = x.shape
    groups = x.view(count, 2, channels // 2, height, width)
    return groups.transpose(1, 2).contiguous().view(count, channels, height, width)


def units(x: Tensor, conv: nn.Module) -> Tensor:
    """Two units of ShuffleNet: sizes of the second unit depend on shapes of the first."""
    for _ in range(2):
        left, right = x.chunk(2, 1)
        x = shuffled(torch.cat([conv(right), torch.relu(left)], 1))
    return x


def attention(x: Tensor, conv: nn.Module) -> Tensor:
    """Efficient channel attention."""
    gate = conv(x.mean((2, 3)).view(x.shape[0], 1, -1)).view(x.shape[0], -1, 1, 1).sigmoid()
    result: Tensor = x * gate.expand_as(x)
    return result


def pyramid(x: Tensor, conv: nn.Module) -> Tensor:
    """Feature pyramid: a coarse map is resized to the size of a fine map."""
    return x + functional.interpolate(conv(x), size=x.shape[-2:], mode="nearest")


def doubled(x: Tensor) -> Tensor:
    size = (x.shape[2] * 2, x.shape[3] * 2)
    return functional.interpolate(x, size=size, mode="bilinear", align_corners=True)


CASES: dict[str, tuple[nn.Module, int, str]] = {
    "stem": (Idiom(stem), 3, "ToJpeg JpegSpaceToDepth ToSpatial"),
    "unshuffle": (nn.PixelUnshuffle(2), 4, "ToJpeg JpegSpaceToDepth Gather ToSpatial"),
    "shuffle": (nn.PixelShuffle(2), 8, "ToJpeg Gather JpegDepthToSpace ToSpatial"),
    "channels": (Idiom(shuffled), 8, "ToJpeg Gather ToSpatial"),
    "units": (Idiom(units, nn.Conv2d(4, 4, 3, padding=1)), 8, ""),
    "attention": (Idiom(attention, nn.Conv1d(1, 1, 3, padding=1)), 8, ""),
    "pyramid": (
        Idiom(pyramid, nn.Conv2d(4, 4, 3, 2, 1)),
        4,
        "ToJpeg JpegConv JpegResize Add ToSpatial",
    ),
    "doubled": (Idiom(doubled), 3, "ToJpeg JpegResize ToSpatial"),
    "maximum": (Idiom(lambda x: x.amax((2, 3))), 3, "ToJpeg JpegGlobalMaxPool Flatten"),
    "padded": (
        Idiom(lambda x: functional.pad(x, (1, 1, 2, 0, 0, 2))),
        3,
        "ToJpeg JpegPad Pad ToSpatial",
    ),
}


def exported(
    module: nn.Module, channels: int, opset: int, dynamic: bool, path: Path
) -> onnx.ModelProto:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module.eval(),
            (torch.zeros(1, channels, 32, 48),),
            path,
            dynamo=False,
            opset_version=opset,
            input_names=["x"],
            dynamic_axes={"x": {0: "batch"}} if dynamic else None,
        )
    return onnx.load(path)


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("opset", [11, 17])
@pytest.mark.parametrize("name", list(CASES))
def test_nothing_is_kept(name: str, opset: int, dynamic: bool, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network, channels, outline = CASES[name]
    model = exported(network, channels, opset, dynamic, tmp_path / "model.onnx")
    module = lower(load_source(model), CompileOptions(input_mode="tensor"))
    assert kept_reasons(module) == {}
    assert module.dynamic_batch
    assert outline_of(module) == outline or not outline
    image = np.random.default_rng(0).standard_normal((3, channels, 32, 48)).astype(np.float32)
    wanted = network(torch.from_numpy(image)).detach().numpy()
    assert_same(run_float32(emit(module), {"x": image}), [wanted])
