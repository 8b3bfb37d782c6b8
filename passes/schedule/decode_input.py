"""Take the bytes of a file where coefficients were taken.

luma, chroma, quantization  =>  JpegDecode(jpeg)        with --input jpeg

Last of all, so that no other pass need know how coefficients come. The operator has no function
body: no standard operator reads a JPEG file. `runtime/cut.py` takes it away again.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_graphsurgeon as gs

from jpegcompile.errors import UnsupportedModelError
from jpegcompile.interface import CHROMA, DOMAIN, JPEG, LUMA, QUANTIZATION
from jpegcompile.ir.graph import all_names
from jpegcompile.ir.module import Module
from jpegcompile.ir.operands import make_node
from jpegcompile.ir.rewrite import Pass
from jpegcompile.jpeg.subsampling import subsampling_of
from jpegcompile.operators.ingest import DECODE, DECODE_GRAY


class DecodeInput(Pass):
    """Make the coefficients of a file's bytes, in front of the ingest."""

    name = "decode-input"

    def run(self, module: Module) -> bool:
        """Returns whether the inputs were replaced.

        Raises:
            UnsupportedModelError: if a tensor has the name of the new input, or the model is bound
                to a batch of several images.
        """
        graph = module.graph
        taken = [t for t in graph.inputs if t.name in (LUMA, CHROMA, QUANTIZATION)]
        if module.options.input_mode != "jpeg" or not taken:
            return False
        if JPEG in all_names(graph):
            raise UnsupportedModelError(
                f"a tensor of the model is called '{JPEG}', as an input of the compiled model will"
                " be; rename it"
            )
        batch = taken[0].shape[0]
        if isinstance(batch, int) and batch != 1:
            raise UnsupportedModelError(
                f"input '{module.image.name}' is bound to batch {batch}, and --input jpeg takes one"
                " file; export the model with an open batch, or use --input coefficients"
            )
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
        # A network of one channel takes luma, which colour files have, too.
        attrs["takes_color"] = int(module.image.channels == 1)
        return make_node(DECODE_GRAY, name, {"jpeg": jpeg}, attrs, outputs)
    attrs["subsampling"] = subsampling_of(frame)
    return make_node(DECODE, name, {"jpeg": jpeg}, attrs, outputs)
