"""Take the bytes of a file of any size where the coefficients of one size were taken.

JpegIngest(luma, chroma, quantization, ...)  =>  JpegIngestFile(jpeg, ...)
                                                 with --input jpeg and images of any size

The operator has no function body, as none has that reads a JPEG file. Where the image has another
precision than float32 a Cast follows.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_graphsurgeon as gs
from onnx import helper

from jpegcompile.dct.color import mixing_matrix
from jpegcompile.errors import UnsupportedModelError
from jpegcompile.interface import CHROMA, DOMAIN, JPEG, LUMA, QUANTIZATION
from jpegcompile.ir.graph import all_names, remove_node
from jpegcompile.ir.module import Module
from jpegcompile.ir.operands import Operands, is_operator, make_node
from jpegcompile.ir.rewrite import Pass
from jpegcompile.jpeg.frame import ColorSpace
from jpegcompile.operators.ingest import INGEST, INGEST_FILE, INGEST_GRAY
from jpegcompile.preprocessing.geometry import Geometry

_SPACES: tuple[ColorSpace, ...] = ("gray", "ycbcr", "rgb")


class IngestFile(Pass):
    """Make the network's input of a file's bytes."""

    name = "ingest-file"

    def run(self, module: Module) -> bool:
        """Returns whether the inputs were replaced.

        Raises:
            UnsupportedModelError: if a tensor has the name of the new input, or the model is bound
                to a batch of several images.
        """
        if module.options.input_mode != "jpeg" or not module.takes_any_size:
            return False
        graph = module.graph
        ingest = next((n for n in graph.nodes if is_operator(n, INGEST, INGEST_GRAY)), None)
        if ingest is None:
            return False
        if JPEG in all_names(graph):
            raise UnsupportedModelError(
                f"a tensor of the model is called '{JPEG}', as an input of the compiled model will"
                " be; rename it"
            )
        image = ingest.outputs[0]
        batch = image.shape[0]
        if isinstance(batch, int) and batch != 1:
            raise UnsupportedModelError(
                f"input '{module.image.name}' is bound to batch {batch}, and --input jpeg takes one"
                " file; export the model with an open batch, or use --input coefficients"
            )
        taken = [t for t in graph.inputs if t.name in (LUMA, CHROMA, QUANTIZATION)]
        jpeg = gs.Variable(JPEG, np.dtype(np.uint8), ["bytes"])
        position = graph.inputs.index(taken[0])
        others = [t for t in graph.inputs if t not in taken]
        graph.inputs = [*others[:position], jpeg, *others[position:]]
        block = int(ingest.attrs["block"])
        remove_node(graph, ingest)
        _read(module, jpeg, image, block)
        graph.cleanup().toposort()
        return True


def _read(module: Module, jpeg: gs.Variable, image: gs.Tensor, block: int) -> None:
    """Append what makes the image of the file."""
    made = image
    if image.dtype != np.float32:
        made = gs.Variable(module.fresh(f"{image.name}.float32"), np.float32, image.shape)
        if block > 1:
            module.blocks[made.name] = block
    attrs = {
        "height": module.image.height,
        "width": module.image.width,
        "block": block,
        "color": module.image.from_pixels[0],
        "decoder": module.image.decoder,
        **_geometry(module.image.geometry),
    }
    name = module.fresh(f"{DOMAIN}.ingest")
    inputs = {"jpeg": jpeg, **_numbers(module)}
    module.graph.nodes.append(make_node(INGEST_FILE, name, inputs, attrs, [made]))
    if made is not image:
        kind = {"to": helper.np_dtype_to_tensor_dtype(image.dtype)}
        cast = gs.Node("Cast", module.fresh(f"{DOMAIN}.ingest.cast"), kind, [made], [image])
        module.graph.nodes.append(cast)


def _numbers(module: Module) -> Operands:
    """The constants of colour and normalisation."""
    color, affine = module.image.from_pixels
    shown = np.broadcast_to(np.asarray(module.image.geometry.fill), affine.scale.shape)
    arrays = {
        **{
            f"{space}_mixing": mixing_matrix(space, color) * affine.scale[:, None]
            for space in _SPACES
        },
        "scale": affine.scale,
        "shift": affine.shift,
        "fill": shown,
    }
    share, kind = module.constants.share, np.dtype(np.float32)
    return {name: share(f"ingest.file.{name}", values, kind) for name, values in arrays.items()}


def _geometry(geometry: Geometry) -> dict[str, Any]:
    """The attributes that say how images come to the network's size."""
    attrs: dict[str, Any] = {"orientation": int(geometry.orientation), "flip": int(geometry.flip)}
    resize, crop = geometry.resize, geometry.crop
    if resize is not None:
        attrs["fit"] = resize.fit
        # In text, since an attribute of ONNX is a float32.
        attrs["crop_ratio"] = repr(resize.crop_ratio)
        if isinstance(resize.size, tuple):
            attrs["resized_height"], attrs["resized_width"] = resize.size
        elif resize.size is not None:
            attrs["short_side"] = resize.size
        attrs["filter"], attrs["library"] = resize.filter.name, resize.filter.library
        attrs["antialias"] = int(resize.filter.antialias)
    if crop is not None:
        attrs["rounding"] = crop.rounding
        if isinstance(crop.position, tuple):
            attrs["crop"] = "given"
            attrs["top"], attrs["left"] = crop.position
        else:
            attrs["crop"] = crop.position
    return attrs
