"""Calls of an ingest together with the convolution that reads its image."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from support.function_bodies import Array, BodyCase, terms_of
from support.images import make_jpeg
from support.ingest_cases import ingest_case
from support.maps import forward, inverse, random_map
from support.operators import convolutions

from jpegcompile.cost.first import FirstLayer
from jpegcompile.dct.affine import ChannelAffine
from jpegcompile.dct.blocks import block_size, to_jpeg
from jpegcompile.dct.frequencies import band_map, resolve
from jpegcompile.jpeg.frame import Frame
from jpegcompile.jpeg.read import read_coefficients
from jpegcompile.jpeg.subsampling import frame_of
from jpegcompile.kernels.ingest_conv.reference import jpeg_ingest_conv
from jpegcompile.kernels.truncate.reference import jpeg_truncate
from jpegcompile.operators.convolution import SPATIAL_CONV, fused_name
from jpegcompile.operators.first_convolution import first_convolution_name

AFFINE = ChannelAffine(np.array([0.02, 0.025, 0.0125]), np.array([-2.0, 0.5, 1.0]))
# Subsamplings that Pillow writes.
_PILLOW = ("4:4:4", "4:2:2", "4:2:0")


@dataclass(frozen=True)
class FirstWindow:
    """A convolution of an image."""

    kernel: tuple[int, int]
    strides: tuple[int, int] = (1, 1)
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)
    dilations: tuple[int, int] = (1, 1)

    def attributes(self) -> dict[str, Any]:
        """As the operator takes them, but for the group."""
        return {"strides": self.strides, "pads": self.pads, "dilations": self.dilations}

    def __str__(self) -> str:
        sizes = (*self.kernel, *self.strides, *self.pads, *self.dilations)
        return "x".join(map(str, sizes))


# Of the ResNets for ImageNet.
RESNET = FirstWindow((7, 7), (2, 2), (3, 3, 3, 3))


def coefficients_of(
    subsampling: str, height: int, width: int, batch: int, quality: int
) -> tuple[list[Array], Array, Frame]:
    """Planes and tables of a batch of files, of a photograph's statistics where Pillow writes it.

    Of others, coefficients that are the rarer and the smaller the higher their frequency.
    """
    if subsampling in (*_PILLOW, "gray"):
        mode = "L" if subsampling == "gray" else "RGB"
        options = {} if mode == "L" else {"subsampling": subsampling}
        data = make_jpeg(width, height, mode, quality=quality, **options)
        one = read_coefficients(data)
        images = [[np.roll(p, index, 1) for p in one.planes] for index in range(batch)]
        planes = [np.stack([image[0][None] for image in images])]
        if mode == "RGB":
            planes.append(np.stack([np.stack(image[1:]) for image in images]))
        return planes, np.stack([one.quantization] * batch), one.frame
    frame = frame_of(subsampling, height, width)
    generator = np.random.default_rng(quality)
    falling = np.exp(-np.add.outer(np.arange(8), np.arange(8)) * (100 - quality) / 100)
    planes = []
    for first, last in ((0, 1), (1, 3)):
        shape = (batch, last - first, *frame.block_counts(first), 8, 8)
        kept = generator.random(shape) < falling
        planes.append((kept * generator.normal(0, 60 * falling, shape)).astype(np.int16))
    tables = generator.integers(1, 20, (batch, 3, 8, 8)).astype(np.uint16)
    return planes, tables, frame


def first_case(
    coefficients: tuple[list[Array], Array, Frame],
    window: FirstWindow,
    outputs: int,
    activation: str,
    *,
    is_spatial: bool,
    frequencies: int | None = None,
    name: str = "",
) -> BodyCase:
    """An ingest, a convolution to so many channels, an activation, and what a truncation keeps.

    Args:
        coefficients: as `coefficients_of` makes them.
        window: of the convolution.
        outputs: its channels.
        activation: behind it.
        is_spatial: whether the result are pixels.
        frequencies: of each tile, as of 8x8; None without a truncation.
        name: of the case.
    """
    planes, tables, frame = coefficients
    is_gray = frame.color_space == "gray"
    affine = ChannelAffine(AFFINE.scale[:1], AFFINE.shift[:1]) if is_gray else AFFINE
    ingest = ingest_case(name, planes, tables, frame, affine)
    channels = len(affine.scale)
    weight, bias = random_map((outputs, channels, *window.kernel)), random_map((outputs,))
    convolved = jpeg_ingest_conv(
        planes[0],
        None if is_gray else planes[1],
        tables,
        weight,
        bias,
        ingest={"frame": frame, "color": "L" if is_gray else "RGB", "affine": affine},
        window=window.attributes(),
        output_block=1,
    )
    operands: tuple[Array, ...] = ()
    expected = convolved
    if activation == "Relu":
        expected = np.maximum(convolved, 0)
    elif activation == "PRelu":
        operands = (random_map((outputs, 1, 1)),)
        expected = np.where(convolved > 0, convolved, convolved * operands[0])
    elif activation == "Clip":
        low, high = -4.0, 6.0
        operands = (np.asarray(low), np.asarray(high))
        expected = np.clip(convolved, low, high)
    height, width = expected.shape[2:]
    attributes = {**ingest.attributes, **window.attributes(), "group": 1, "output_block": 1}
    to_pixels = inverse(frame.height, frame.width)
    matrices = to_pixels
    block = 1 if is_spatial else block_size(height, width)
    if not is_spatial:
        expected = to_jpeg(expected, block)
        attributes |= {"input_block": attributes["block"], "output_block": block}
        matrices = to_pixels + forward(height, width)
    bands: list[Array] = []
    if frequencies is not None:
        count = resolve(frequencies, block)
        expected = jpeg_truncate(expected, block=block, frequencies=count)
        attributes["frequencies"] = count
        bands = [band_map(height, width, block, count)]
    base = fused_name(
        SPATIAL_CONV if is_spatial else "JpegConv", False, activation, frequencies is not None
    )
    return BodyCase(
        name,
        first_convolution_name(ingest.op, base),
        (*ingest.operands, weight, bias, *operands, *matrices, *bands),
        attributes,
        expected,
        ingest.terms + terms_of(matrices) + weight[0].size + 3,
    )


def mixed_case(frequencies: int | None = None) -> tuple[BodyCase, list[float]]:
    """Images with few and with many coefficients in turn, and the vectors that each asks for."""
    planes, tables, frame = coefficients_of("4:2:0", 64, 64, 7, 50)
    full = np.random.default_rng(1).integers(1, 50, planes[0].shape).astype(np.int16)
    for image in (1, 2, 5):
        planes[0][image] = full[image]
        planes[1][image] = full[image, :, :4, :4]
    case = first_case(
        (planes, tables, frame),
        RESNET,
        32,
        "Relu",
        is_spatial=False,
        frequencies=frequencies,
        name=f"mixed-{frequencies}",
    )
    layer = FirstLayer(64, 64, 3, 32, (7, 7), (2, 2), 32, 32, (2, 2))
    counts = [[int(np.count_nonzero(plane[image])) for plane in planes] for image in range(7)]
    return case, [layer.vectors(luma, chroma) for luma, chroma in counts]


def first_convolution_cases() -> Iterator[BodyCase]:
    """Every form, on files of each subsampling in turn."""
    turns = (("4:2:0", 32, 48), ("4:4:4", 16, 24), ("4:2:2", 12, 20), ("4:4:0", 20, 28))
    window = FirstWindow((3, 3), (2, 1), (1, 1, 1, 1))
    count = 0
    for is_gray in (False, True):
        for form in convolutions("JpegConv", SPATIAL_CONV):
            if form.has("residual"):
                continue
            subsampling, height, width = turns[count % len(turns)]
            taken = coefficients_of(
                "gray" if is_gray else subsampling, height, width, 1 + count % 3, 75
            )
            yield first_case(
                taken,
                window,
                4,
                form.activation,
                is_spatial=form.base == SPATIAL_CONV,
                frequencies=5 + count % 9 if form.truncates else None,
                name=f"{width}x{height}-{count}",
            )
            count += 1
