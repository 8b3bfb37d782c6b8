"""Graphs with a Resize of the plane."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from support.graphs import (
    Graph,
    Weights,
    assert_same,
    feeds_of,
    kept_reasons,
    lowered,
    run_float32,
)
from torch.nn import functional

from jpegcompile.backends.emit import emit

OUTLINE = "ToJpeg JpegResize ToSpatial"


def scaled(
    attributes: str, factors: tuple[float, ...] = (2.0, 2.0), opset: int = 17, size: str = "16,24"
) -> Graph:
    """A Resize or Upsample by scales, as its opset takes them."""
    scales = np.asarray([1.0, 1.0, *factors], np.float32)
    signature = f"(T[N,3,{size}] x) => (T[] y)"
    if opset < 9:
        listed = ", ".join(f"{s:.7f}" for s in scales)
        text = f"{signature} {{ y = Upsample<{attributes}, scales = [{listed}]>(x) }}"
        return Graph(text, opset=opset)
    if opset < 11:
        op = "Upsample" if opset < 10 else "Resize"
        return Graph(f"{signature} {{ y = {op}<{attributes}>(x, s) }}", {"s": scales}, opset)
    if opset < 13:
        weights: Weights = {"s": scales, "roi": np.zeros(0)}
        return Graph(f"{signature} {{ y = Resize<{attributes}>(x, roi, s) }}", weights, opset)
    return Graph(f"{signature} {{ y = Resize<{attributes}>(x, , s) }}", {"s": scales}, opset)


def sized(
    attributes: str, sizes: tuple[int, ...], opset: int = 17, batch: str = "N", size: str = "16,24"
) -> Graph:
    text = f"(T[{batch},3,{size}] x) => (T[] y) {{ y = Resize<{attributes}>(x, , , z) }}"
    return Graph(text, {"z": np.asarray(sizes)}, opset)


def interpolated(graph: Graph, **options: Any) -> list[NDArray[np.float64]]:
    image = torch.from_numpy(feeds_of(graph.model())["x"])
    return [functional.interpolate(image, **options).numpy()]


def check_at_run_time(graph: Graph) -> None:
    """Against ONNX Runtime, where the reference evaluator reads a mode otherwise or not at all.

    It takes the new size unrounded for align_corners and half_pixel_symmetric, and -1/2 for the
    position of a single element by pytorch_half_pixel; rounds cubic weights to float32; breaks
    ties between neighbors by float64 positions; and knows no tf_half_pixel_for_nn.
    """
    model = graph.model("float")
    feeds = feeds_of(model)
    wanted = run_float32(model, feeds)
    for target in ("ort", "onnx"):
        module = lowered(graph, "float", target)
        assert kept_reasons(module) == {}
        assert_same(run_float32(emit(module), feeds), wanted)
