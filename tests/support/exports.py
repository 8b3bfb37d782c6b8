"""Export PyTorch networks by both exporters of PyTorch."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path
from typing import Literal

import torch
from torch import nn

Exporter = Literal["torchscript", "dynamo"]
EXPORTERS: tuple[Exporter, ...] = ("torchscript", "dynamo")


def export(
    model: nn.Module,
    size: int | tuple[int, int],
    path: Path,
    exporter: Exporter,
    *,
    opset: int | None = None,
    dynamic_size: bool = False,
) -> Path:
    """Write a network as ONNX, with an input `image` [N, 3, H, W] of any batch.

    Args:
        model: in inference mode.
        size: height and width of the input, or both.
        path: of the file.
        exporter: "torchscript", the older one, or "dynamo".
        opset: that is asked for; the exporter's own choice if not given.
        dynamic_size: whether height and width stay open as well.
    """
    height, width = (size, size) if isinstance(size, int) else size
    example = torch.randn(2, 3, height, width)
    open_axes = {0: "N", **({2: "H", 3: "W"} if dynamic_size else {})}
    with warnings.catch_warnings():
        # Exporters warn about their own future versions.
        warnings.simplefilter("ignore")
        if exporter == "torchscript":
            torch.onnx.export(
                model,
                (example,),
                str(path),
                dynamo=False,
                opset_version=opset or 17,
                input_names=["image"],
                dynamic_axes={"image": open_axes},
            )
            return path
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        dimensions = {
            axis: torch.export.Dim.DYNAMIC if axis else torch.export.Dim(name)
            for axis, name in open_axes.items()
        }
        torch.onnx.export(
            model,
            (example,),
            str(path),
            dynamo=True,
            opset_version=opset,
            input_names=["image"],
            dynamic_shapes=(dimensions,),
            verbose=False,
            external_data=False,
        )
    return path
