"""The convolutions of ResNets as GPU kernels run them, without weights.

They are samples for compiling kernels and predicting their time without a model. With all
frequencies, every map is stored as pixels. In a truncated bottleneck network, a map is stored in
rows if only 1x1 convolutions without strides, sums and residual inputs read it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from jpegcompile.dct.blocks import block_size
from jpegcompile.dct.frequencies import ALL, resolve
from jpegcompile.gpu.layout import MapLayout
from jpegcompile.gpu.programs import NOTHING, PIXEL, RELU, Program, step
from jpegcompile.kernels.conv.launch import THIN, Convolution

SIGMOID = Program((step("Sigmoid", PIXEL),))
# (width, number of blocks) of each stage.
_BASIC = ((64, 2), (128, 2), (256, 2), (512, 2))
_BOTTLENECK = ((64, 3), (128, 4), (256, 6), (512, 3))
_CLASSES, _REDUCTION = 1000, 16


@dataclass(frozen=True)
class Layer:
    """A convolution with its name."""

    name: str
    convolution: Convolution


def resnet18() -> list[Layer]:
    """Return the convolutions of ResNet-18 for images of 224x224, and its classifier."""
    layers = [_stem()]
    x = _pixels(64, 56)
    for stage, (width, blocks) in enumerate(_BASIC, 1):
        for block in range(blocks):
            stride = 2 if stage > 1 and not block else 1
            y = _pixels(width, x.height // stride)
            name = f"layer{stage}.{block}"
            layers.append(Layer(f"{name}.conv1", _windowed(x, y, stride)))
            shortcut = x
            if stride == 2:
                layers.append(Layer(f"{name}.downsample", _pointwise(x, y, stride, NOTHING)))
                shortcut = y
            second = replace(_windowed(y, y, 1), residual=shortcut)
            layers.append(Layer(f"{name}.conv2", second))
            x = y
    return [*layers, _classifier(512)]


def resnet50(frequencies: int = ALL) -> list[Layer]:
    """Return the convolutions of ResNet-50 for images of 224x224, and its classifier.

    Args:
        frequencies: kept frequencies of the maps after the first pool, for 8x8 tiles.
    """
    layers = [_stem()]
    in_rows = frequencies < ALL
    x = _map(64, 56, frequencies, in_rows)
    for stage, (width, blocks) in enumerate(_BOTTLENECK, 1):
        for block in range(blocks):
            stride = 2 if stage > 1 and not block else 1
            is_read_strided = block == blocks - 1 and stage < len(_BOTTLENECK)
            side = x.height // stride
            first = _map(width, x.height, frequencies, False)
            second = _map(width, side, frequencies, in_rows)
            y = _map(4 * width, side, frequencies, in_rows and not is_read_strided)
            name = f"layer{stage}.{block}"
            layers.append(Layer(f"{name}.conv1", _pointwise(x, first)))
            layers.append(Layer(f"{name}.conv2", _windowed(first, second, stride)))
            shortcut = x
            if not block:
                shortcut = _map(4 * width, side, frequencies, in_rows)
                down = _pointwise(x, shortcut, stride, NOTHING)
                layers.append(Layer(f"{name}.downsample", down))
            third = replace(_pointwise(second, y), residual=shortcut)
            layers.append(Layer(f"{name}.conv3", third))
            x = y
    return [*layers, _classifier(2048)]


def se_resnet50() -> list[Layer]:
    """Return the convolutions of SE-ResNet-50: each block of ResNet-50 has two more at its end.

    The third convolution of a block has no epilogue, because its result is scaled before the sum.
    """
    layers = []
    for layer in resnet50():
        if not layer.name.endswith("conv3"):
            layers.append(layer)
            continue
        third = replace(layer.convolution, residual=None, program=NOTHING)
        channels = third.y.channels
        few = _pixels(channels // _REDUCTION, 1)
        squeezed = _pixels(channels, 1)
        name = layer.name.removesuffix("conv3")
        layers += [
            Layer(layer.name, third),
            Layer(f"{name}squeeze", _pointwise(squeezed, few)),
            Layer(f"{name}excite", _pointwise(few, squeezed, program=SIGMOID)),
        ]
    return layers


def _map(channels: int, side: int, frequencies: int, in_rows: bool) -> MapLayout:
    block = block_size(side, side)
    kept = resolve(frequencies, block)
    return MapLayout(channels, side, side, block, kept, in_rows and block > 1)


def _pixels(channels: int, side: int) -> MapLayout:
    return _map(channels, side, ALL, False)


def _stem() -> Layer:
    image = replace(_pixels(3, 224), thin=THIN)
    return Layer("stem", Convolution(image, _pixels(64, 112), (7, 7), (2, 2), (3, 3), program=RELU))


def _windowed(x: MapLayout, y: MapLayout, stride: int) -> Convolution:
    return Convolution(x, y, (3, 3), (stride, stride), (1, 1), program=RELU)


def _pointwise(x: MapLayout, y: MapLayout, stride: int = 1, program: Program = RELU) -> Convolution:
    return Convolution(x, y, strides=(stride, stride), program=program)


def _classifier(channels: int) -> Layer:
    x, y = _pixels(channels, 1), _pixels(_CLASSES, 1)
    return Layer("classifier", _pointwise(x, y, program=NOTHING))
