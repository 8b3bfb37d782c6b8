"""Convolutions as nodes of compiled files, and as Python launches them on CUDA."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from support.cuda_launches import Node
from support.made_cubins import Tilings

from jpegcompile.gpu import programs
from jpegcompile.gpu.launch import Tiling
from jpegcompile.gpu.layout import MapLayout
from jpegcompile.gpu.programs import NOTHING, Program
from jpegcompile.kernels.conv.launch import Convolution
from jpegcompile.operators.convolution import JPEG_POINTWISE_CONV, SPATIAL_CONV, fused_name
from jpegcompile.operators.registry import OPERATORS

BATCH = 2
ACTIVATIONS: Mapping[str, Program] = {
    "": NOTHING,
    "Relu": programs.RELU,
    "PRelu": programs.PRELU,
    "Clip": programs.CLIP,
}
ONE_TILING: Tilings = ((64, 64, 16),)
TILING = Tiling(64, 64, 16)


@dataclass(frozen=True)
class Layer:
    """A convolution and how its maps stand: in planes, or in groups of channels.

    Attributes:
        name: of the test.
        conv: the convolution, as Python launches it.
        base: of the operator.
        activation: of the operator.
        x_group, residual_group, y_group: channels side by side.
        computed: inputs that are no constants.
    """

    name: str
    conv: Convolution
    base: str = SPATIAL_CONV
    activation: str = ""
    x_group: int = 1
    residual_group: int = 1
    y_group: int = 1
    computed: frozenset[str] = field(default_factory=frozenset)

    def __str__(self) -> str:
        return self.name

    @property
    def is_truncated(self) -> bool:
        return self.conv.y.is_truncated and bool(self.activation)

    @property
    def weight_shape(self) -> tuple[int, ...]:
        return self.conv.y.channels, self.conv.x.channels // self.conv.group, *self.conv.kernel

    def inputs(self) -> dict[str, tuple[int, ...]]:
        """Shapes by name, in the order of the operator."""
        conv, made = self.conv, self.conv.y
        shapes: dict[str, tuple[int, ...]] = {
            "x": (BATCH, conv.x.channels, conv.x.height, conv.x.width),
            "weight": self.weight_shape,
            "bias": (made.channels,),
            "residual": (BATCH, made.channels, made.height, made.width),
            "slope": (made.channels, 1, 1),
            "low": (1,),
            "high": (1,),
        }
        names = [operand.name for operand in OPERATORS[self.op].inputs]
        return {name: shapes.get(name, (1,)) for name in names}

    @property
    def op(self) -> str:
        has_residual = self.conv.residual is not None
        return fused_name(self.base, has_residual, self.activation, self.is_truncated)

    def node(self) -> Node:
        """The node that stands for it in a compiled file."""
        conv = self.conv
        attributes: dict[str, int | list[int]] = {
            "group": conv.group,
            "strides": list(conv.strides),
            "pads": [*conv.pads, *self._pads_behind()],
            "dilations": list(conv.dilations),
            "block": conv.y.block,
            "input_block": conv.x.block,
            "output_block": conv.y.block,
        }
        maps = {"x": conv.x, "residual": conv.residual, "y": conv.y}
        groups = {"x": self.x_group, "residual": self.residual_group, "y": self.y_group}
        for name, layout in maps.items():
            if layout is not None:
                attributes[f"{name}_group"] = groups[name]
                attributes[f"{name}_frequencies"] = layout.frequencies if layout.is_rows else 0
        lines = []
        for name, shape in self.inputs().items():
            kind = "input" if name in ("x", "residual", *self.computed) else "input constant"
            lines.append(" ".join([kind, *map(str, shape)]))
            if name == "band":
                made = (conv.y.height, conv.y.width, conv.y.block, conv.y.frequencies)
                lines[-1] = " ".join(["band", *map(str, made)])
        return Node(self.op, attributes, lines)

    def _pads_behind(self) -> tuple[int, int]:
        conv = self.conv
        sizes = zip(
            (conv.x.height, conv.x.width),
            (conv.y.height, conv.y.width),
            conv.kernel,
            conv.strides,
            conv.pads,
            conv.dilations,
            strict=True,
        )
        behind = [
            max(0, (out - 1) * step + (taps - 1) * apart + 1 - size - before)
            for size, out, taps, step, before, apart in sizes
        ]
        return behind[0], behind[1]


def pixels(channels: int, height: int, width: int, thin: int = 0) -> MapLayout:
    return MapLayout(channels, height, width, thin=thin)


def rows(channels: int, height: int, width: int, frequencies: int) -> MapLayout:
    return MapLayout(channels, height, width, 8, frequencies, is_rows=True)


def spatial(
    inputs: int, outputs: int, size: tuple[int, int], made: tuple[int, int], thin: int = 0
) -> tuple[MapLayout, MapLayout]:
    return pixels(inputs, *size, thin), pixels(outputs, *made)


X20, Y24 = spatial(20, 24, (14, 18), (14, 18))
LAYERS = [
    Layer("plain", Convolution(X20, Y24, (3, 3), pads=(1, 1))),
    Layer("computed", Convolution(X20, Y24, (3, 3), pads=(1, 1)),
          computed=frozenset(["weight", "bias"])),
    Layer("relu", Convolution(X20, Y24, program=programs.RELU), activation="Relu"),
    Layer("prelu", Convolution(X20, Y24, program=programs.PRELU), activation="PRelu"),
    Layer("computed-slope", Convolution(X20, Y24, program=programs.PRELU), activation="PRelu",
          computed=frozenset(["slope"])),
    Layer("clip", Convolution(X20, Y24, program=programs.CLIP), activation="Clip"),
    Layer("residual", Convolution(X20, Y24, (3, 3), pads=(1, 1), residual=Y24,
                                  program=programs.RELU), activation="Relu"),
    Layer("strides", Convolution(*spatial(20, 40, (15, 17), (8, 6)), (3, 2), (2, 3), (1, 0))),
    Layer("dilations", Convolution(*spatial(32, 16, (12, 14), (12, 14)), (3, 3), (1, 1), (2, 3),
                                   (2, 3))),
    Layer("groups", Convolution(*spatial(32, 48, (14, 14), (7, 7)), (3, 3), (2, 2), (1, 1),
                                group=4)),
    Layer("odd-groups", Convolution(*spatial(24, 36, (6, 6), (6, 6)), (3, 3), pads=(1, 1),
                                    group=3)),
    Layer("depthwise", Convolution(*spatial(130, 130, (6, 6), (6, 6)), (3, 3), pads=(1, 1),
                                   group=130)),
    Layer("few-groups", Convolution(*spatial(130, 260, (6, 6), (6, 6)), (3, 3), pads=(1, 1),
                                    group=65)),
    Layer("thin", Convolution(*spatial(3, 24, (31, 30), (16, 15), 4), (7, 7), (2, 2), (3, 3),
                              program=programs.RELU), activation="Relu"),
    Layer("thin-dilated", Convolution(*spatial(4, 24, (12, 12), (12, 10), 4), (3, 3), pads=(1, 1),
                                      dilations=(1, 2))),
    Layer("thin-groups", Convolution(*spatial(4, 6, (12, 12), (12, 12), 4), (3, 3), pads=(1, 1),
                                     group=2)),
    Layer("wide", Convolution(*spatial(3, 16, (9, 40), (9, 24)), (1, 17))),
    Layer("grouped", Convolution(*spatial(32, 48, (9, 7), (9, 7)), (3, 3), pads=(1, 1)),
          x_group=16, y_group=16),
    Layer("grouped-residual", Convolution(*spatial(32, 48, (9, 7), (9, 7)), (3, 3), pads=(1, 1),
                                          residual=pixels(48, 9, 7)), residual_group=16),
    Layer("to-compact", Convolution(pixels(16, 16, 24), rows(32, 16, 24, 6), (3, 3), pads=(1, 1),
                                    program=programs.RELU), "JpegConv", "Relu", y_group=16),
    Layer("compact-residual", Convolution(pixels(16, 16, 24), rows(32, 16, 24, 6), (3, 3),
                                          pads=(1, 1), residual=rows(32, 16, 24, 8),
                                          program=programs.RELU),
          "JpegConv", "Relu", x_group=16, residual_group=16, y_group=16),
    Layer("on-coefficients", Convolution(rows(32, 16, 24, 6), rows(48, 16, 24, 6)),
          JPEG_POINTWISE_CONV, x_group=16, y_group=16),
    Layer("sum-on-coefficients", Convolution(rows(32, 16, 24, 6), rows(48, 16, 24, 6),
                                             residual=rows(48, 16, 24, 6)),
          JPEG_POINTWISE_CONV, x_group=16, residual_group=16, y_group=16),
    Layer("activated-coefficients", Convolution(rows(32, 16, 24, 9), rows(48, 16, 24, 6), group=2,
                                                residual=rows(48, 16, 24, 9),
                                                program=programs.PRELU),
          JPEG_POINTWISE_CONV, "PRelu", x_group=16, residual_group=16, y_group=16),
]  # fmt: skip
