"""Compute the image by preprocessing kernels where a fixed linear ingest cannot.

JpegIngest(luma, chroma, quantization, ...)  =>  JpegIngestFile(jpeg, ...)
                                                 with --input jpeg, for images of any size or for
                                                 the integer decode of libjpeg-turbo
                                             =>  JpegIngestIntegers(luma, chroma, quantization,
                                                                    frame, ...)
                                                 with coefficients, for integer decode

Neither operator has a function body: no standard operator reads JPEG files, and an integer decode
by standard operators would be no faster than a decoder. A Cast follows if the image is not float32.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_graphsurgeon as gs
from onnx import helper

from jpegcompile.dct.color import mixing_matrix
from jpegcompile.interface import CHROMA, DOMAIN, FRAME, JPEG, LUMA, QUANTIZATION
from jpegcompile.ir.graph import all_names, remove_node
from jpegcompile.ir.image import require_one_image, require_unused_name
from jpegcompile.ir.module import Module
from jpegcompile.ir.operands import Operands, is_operator, make_node
from jpegcompile.ir.rewrite import Pass
from jpegcompile.jpeg.frame import ColorSpace
from jpegcompile.operators.ingest import INGEST, INGEST_FILE, INGEST_GRAY, INGEST_INTEGERS
from jpegcompile.preprocessing.geometry import Geometry

_SPACES: tuple[ColorSpace, ...] = ("gray", "ycbcr", "rgb")


class PreprocessInput(Pass):
    """Replaces the ingest by preprocessing of a file or its coefficients."""

    name = "preprocess-input"

    def run(self, module: Module) -> bool:
        """Replace the ingest; returns whether it was replaced.

        Raises:
            UnsupportedModelError: if a tensor has the name of a new input, or if a model for
                `--input jpeg` has a batch size that is fixed to several images.
        """
        if not module.is_preprocessed or module.has_axis_inputs:
            return False
        graph = module.graph
        ingest = next((n for n in graph.nodes if is_operator(n, INGEST, INGEST_GRAY)), None)
        if ingest is None:
            return False
        image, block = ingest.outputs[0], int(ingest.attrs["block"])
        taken = [t for t in graph.inputs if t.name in (LUMA, CHROMA, QUANTIZATION)]
        remove_node(graph, ingest)
        if module.options.input_mode == "jpeg":
            require_one_image(module, image.shape[0])
            made = [_new_input(module, JPEG, np.dtype(np.uint8), ["bytes"])]
            _make(module, INGEST_FILE, {JPEG: made[0]}, image, block)
        else:
            made = [_of_any_size(tensor) for tensor in taken]
            made.append(_new_input(module, FRAME, np.dtype(np.int64), [8]))
            _make(module, INGEST_INTEGERS, {tensor.name: tensor for tensor in made}, image, block)
        position = graph.inputs.index(taken[0])
        others = [t for t in graph.inputs if t not in taken]
        graph.inputs = [*others[:position], *made, *others[position:]]
        graph.cleanup().toposort()
        return True


def _new_input(module: Module, name: str, kind: np.dtype[Any], shape: list[Any]) -> gs.Variable:
    require_unused_name(name, all_names(module.graph))
    return gs.Variable(name, kind, shape)


def _of_any_size(tensor: gs.Variable) -> gs.Variable:
    """Make the shape of a coefficient input dynamic, for files of any size."""
    batch, components = tensor.shape[:2]
    if tensor.name == QUANTIZATION:
        # A grayscale file has one table.
        tensor.shape = (batch, "tables", 8, 8)
    else:
        counts = (f"{tensor.name}_block_rows", f"{tensor.name}_block_columns")
        tensor.shape = (batch, components, *counts, 8, 8)
    return tensor


def _make(module: Module, operator: str, inputs: Operands, image: gs.Tensor, block: int) -> None:
    """Append the node that computes the image, and a cast if needed."""
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
    given = {**inputs, **_numbers(module)}
    module.graph.nodes.append(make_node(operator, name, given, attrs, [made]))
    if made is not image:
        kind = {"to": helper.np_dtype_to_tensor_dtype(image.dtype)}
        cast = gs.Node("Cast", module.fresh(f"{DOMAIN}.ingest.cast"), kind, [made], [image])
        module.graph.nodes.append(cast)


def _numbers(module: Module) -> Operands:
    """Constants of color conversion and normalization."""
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
    """Attributes that specify how images are resized and cropped to the network's size."""
    switches = ("orientation", "mirror", "flip")
    attrs: dict[str, Any] = {name: int(getattr(geometry, name)) for name in switches}
    attrs["views"] = geometry.views
    resize, crop = geometry.resize, geometry.crop
    if resize is not None:
        attrs["fit"] = resize.fit
        # As text, since an ONNX attribute would be float32.
        attrs["crop_ratio"] = repr(resize.crop_ratio)
        if isinstance(resize.size, tuple):
            attrs["resized_height"], attrs["resized_width"] = resize.size
        elif resize.size is not None:
            attrs["short_side"] = resize.size
        attrs["filter"], attrs["library"] = resize.filter.name, resize.filter.library
        attrs["antialias"] = int(resize.filter.antialias)
        attrs["scaled_decoding"] = int(resize.scaled_decoding)
    if crop is not None:
        attrs["rounding"] = crop.rounding
        if isinstance(crop.position, tuple):
            attrs["crop"] = "given"
            attrs["top"], attrs["left"] = crop.position
        else:
            attrs["crop"] = crop.position
    return attrs
