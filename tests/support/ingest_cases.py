"""Calls of the ingest: random coefficients and tables of every subsampling."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnx
from support.function_bodies import Array, BodyCase, terms_of
from support.network_inputs import network_input

from jpegcompile.dct.affine import ChannelAffine
from jpegcompile.dct.blocks import dc_map
from jpegcompile.dct.color import Color
from jpegcompile.dct.ingest import ingest_operators
from jpegcompile.jpeg.frame import Frame
from jpegcompile.jpeg.subsampling import frame_of
from jpegcompile.kernels.ingest.reference import jpeg_ingest


def ingest_cases() -> Iterator[BodyCase]:
    generator = np.random.default_rng(3)
    affine = ChannelAffine(np.array([0.25, 0.5, 0.125]), np.array([-2.0, 0.5, 1.0]))
    one = ChannelAffine(affine.scale[:1], affine.shift[:1])
    for batch, subsampling, height, width in (
        (1, "4:2:0", 32, 24),
        (2, "4:4:4", 12, 20),
        (3, "4:2:2", 30, 10),
        (5, "4:4:0", 17, 9),
        (2, "4:1:1", 8, 40),
        (2, "4:2:0", 3, 4),
        (2, "gray", 21, 24),
        (3, "gray-1", 16, 8),
    ):
        kind, channels = ("gray", 1) if subsampling == "gray-1" else (subsampling, 3)
        frame = frame_of(kind, height, width)
        transform = affine if channels == 3 else one
        yield _ingest_case(
            f"{batch}-{subsampling}-{width}x{height}", generator, batch, frame, transform
        )


def _ingest_case(
    name: str,
    generator: np.random.Generator,
    batch: int,
    frame: Frame,
    affine: ChannelAffine,
) -> BodyCase:
    planes = []
    for first, last in _groups(frame):
        counts = (last - first, *frame.block_counts(first))
        planes.append(generator.integers(-200, 201, (batch, *counts, 8, 8)).astype(np.int16))
    components = _groups(frame)[-1][1]
    tables = generator.integers(1, 256, (batch, components, 8, 8)).astype(np.uint16)
    return ingest_case(name, planes, tables, frame, affine)


def _color(affine: ChannelAffine) -> Color:
    return "RGB" if len(affine.scale) == 3 else "L"


def _groups(frame: Frame) -> list[tuple[int, int]]:
    """Components that share an input: of a gray file there is one."""
    return [(0, 1)] if frame.color_space == "gray" else [(0, 1), (1, 3)]


def ingest_case(
    name: str,
    planes: list[Array],
    tables: Array,
    frame: Frame,
    affine: ChannelAffine,
) -> BodyCase:
    """The ingest of given coefficients [N, components, rows, columns, 8, 8] and tables."""
    color = _color(affine)
    operators = ingest_operators(frame, network_input(frame, color, affine))
    is_gray = frame.color_space == "gray"
    indexing: list[Array] = []
    matrices: list[Array] = []
    for first, last in _groups(frame):
        rows, columns = operators.rows[first].dense(), operators.columns[first].dense()
        counts = (last - first, *frame.block_counts(first))
        indexing += [
            np.arange(first, last),
            np.array([0, counts[0], 1, 1, 8, 8]),
            np.array([0, counts[0], 8 * counts[1], 8 * counts[2]]),
        ]
        matrices += [rows, columns.T]
    chroma = None if is_gray else planes[1]
    expected = jpeg_ingest(
        planes[0],
        chroma,
        tables,
        frame=frame,
        color=color,
        affine=affine,
        block=operators.block,
    )
    operands = (
        *planes,
        tables,
        *indexing,
        *matrices,
        operators.mixing[:, :, None, None],
        operators.offset[:, None, None],
        dc_map(frame.height, frame.width, operators.block),
    )
    attributes = {"to": onnx.TensorProto.DOUBLE, "block": operators.block}
    op = "JpegIngestGray" if is_gray else "JpegIngest"
    # One product to dequantize, the transforms, the mixture of components, and the shift.
    terms = 1 + terms_of(matrices) + operators.mixing.shape[1] + 2
    return BodyCase(name, op, operands, attributes, expected, terms)
