"""Replace coefficient inputs by the bytes of a JPEG file.

luma, chroma, quantization  =>  JpegDecode(jpeg)        with --input jpeg

The last pass, so that no other pass depends on the source of coefficients. The operator has no
function body, since no standard operator reads JPEG files. `runtime/cut.py` removes it where
coefficients are available.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_graphsurgeon as gs

from jpegcompile.interface import CHROMA, DOMAIN, JPEG, LUMA, QUANTIZATION
from jpegcompile.ir.graph import all_names
from jpegcompile.ir.image import require_one_image, require_unused_name
from jpegcompile.ir.module import Module
from jpegcompile.ir.operands import make_node
from jpegcompile.ir.rewrite import Pass
from jpegcompile.jpeg.subsampling import subsampling_of
from jpegcompile.operators.ingest import DECODE, DECODE_GRAY


class DecodeInput(Pass):
    """Adds a decoder before the ingest."""

    name = "decode-input"

    def run(self, module: Module) -> bool:
        """Replace the inputs; returns whether they were replaced.

        Raises:
            UnsupportedModelError: if a tensor has the name of the new input, or the batch size is
                fixed to several images.
        """
        graph = module.graph
        taken = [t for t in graph.inputs if t.name in (LUMA, CHROMA, QUANTIZATION)]
        if module.options.input_mode != "jpeg" or not taken:
            return False
        require_unused_name(JPEG, all_names(graph))
        require_one_image(module, taken[0].shape[0])
        jpeg = gs.Variable(JPEG, np.dtype(np.uint8), ["bytes"])
        position = graph.inputs.index(taken[0])
        others = [t for t in graph.inputs if t not in taken]
        graph.inputs = [*others[:position], jpeg, *others[position:]]
        graph.nodes.append(_decode(module, jpeg, taken))
        graph.toposort()
        return True


def _decode(module: Module, jpeg: gs.Variable, outputs: list[gs.Tensor]) -> gs.Node:
    frame = module.frame
    assert frame is not None
    attrs: dict[str, Any] = {"height": frame.height, "width": frame.width}
    name = module.fresh(f"{DOMAIN}.decode")
    if frame.color_space == "gray":
        # A network with one channel reads luma, which color files contain, too.
        attrs["takes_color"] = int(module.image.channels == 1)
        return make_node(DECODE_GRAY, name, {"jpeg": jpeg}, attrs, outputs)
    attrs["subsampling"] = subsampling_of(frame)
    return make_node(DECODE, name, {"jpeg": jpeg}, attrs, outputs)
