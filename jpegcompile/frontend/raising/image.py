"""Replace the inputs for files by the image input of the original network.

JpegIngest(luma, chroma, quantization), JpegIngestFile(jpeg), ...  =>  x

x is the input that the metadata describe. Normalization that the ingest performs beyond the
preprocessing belongs to the network: x * scale + shift. Outputs that are averages over the views of
an image become the outputs for one view.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper

from jpegcompile.dct.affine import ChannelAffine
from jpegcompile.frontend.raising.state import State, Value
from jpegcompile.interface import (
    AXIS_INPUTS,
    CHROMA,
    DOMAIN,
    FRAME,
    JPEG,
    LEVEL,
    LUMA,
    QUANTIZATION,
)
from jpegcompile.metadata import CompiledInfo

_FILE_INPUTS = frozenset(
    (LUMA, CHROMA, QUANTIZATION, JPEG, FRAME, LEVEL, *AXIS_INPUTS[LUMA], *AXIS_INPUTS[CHROMA])
)
_TO_CHANNELS_FIRST = [0, 3, 1, 2]
_AXES_ARE_INPUTS_SINCE = 13
_BATCH = "N"
# Names of the nodes that average outputs over views begin so.
_VIEWS = f"{DOMAIN}.views."


def take_image(state: State) -> None:
    """Declare the image input in place of the inputs for files, and append what follows it."""
    info = state.info
    if info is None or info.input_mode == "tensor":
        return
    graph, taken = state.model.graph, info.input
    kind = _kind(state, info)
    shape: list[int | str] = [*taken.shape]
    if taken.has_batch:
        shape.insert(0, _batch(state, info))
    image = helper.make_tensor_value_info(taken.name, kind, shape)
    position = next((i for i, v in enumerate(graph.input) if v.name in _FILE_INPUTS), 0)
    others = [value for value in graph.input if value.name not in _FILE_INPUTS]
    del graph.input[:]
    graph.input.extend([*others[:position], image, *others[position:]])
    made = taken.name
    if not taken.has_batch:
        made = _with_batch(state, made)
    if taken.layout == "NHWC":
        made = state.add("Transpose", [made], perm=_TO_CHANNELS_FIRST)
    made = _normalized(state, info, made, kind)
    state.image = Value(made, info.ingest_block, taken.size)
    state.values[taken.name] = Value(taken.name)
    if info.ingest_output is not None:
        state.values[info.ingest_output] = state.image


def _batch(state: State, info: CompiledInfo) -> int | str:
    """Return the batch dimension of the image."""
    if info.averages_views:
        return _BATCH
    names = [info.ingest_output or ""]
    names += [o for n in state.model.graph.node if n.domain.startswith(DOMAIN) for o in n.output]
    shapes = (state.shapes.get(name) for name in names)
    return next((s[0] for s in shapes if s is not None and len(s) == 4 and s[0]), _BATCH)


def _kind(state: State, info: CompiledInfo) -> int:
    """Return the element type of the image."""
    for value in state.model.graph.value_info:
        if value.name == info.ingest_output:
            return int(value.type.tensor_type.elem_type)
    for node in state.model.graph.node:
        for attribute in node.attribute:
            if node.domain.startswith(DOMAIN) and attribute.name == "to":
                return int(attribute.i)
    return int(TensorProto.FLOAT)


def _with_batch(state: State, image: str) -> str:
    if state.opset < _AXES_ARE_INPUTS_SINCE:
        return state.add("Unsqueeze", [image], axes=[0])
    return state.add("Unsqueeze", [image, state.constant(f"{image}.axes", np.asarray([0]))])


def _normalized(state: State, info: CompiledInfo, image: str, kind: int) -> str:
    """Append the normalization that the ingest performs beyond the preprocessing."""
    rest = _rest(info)
    if rest is None:
        return image
    dtype = helper.tensor_dtype_to_np_dtype(kind)
    scale, shift = (
        state.constant(f"{image}.{name}", values.reshape(-1, 1, 1).astype(dtype))
        for name, values in (("scale", rest.scale), ("shift", rest.shift))
    )
    scaled = state.add("Mul", [image, scale], state.names.fresh(f"{image}.scaled"))
    twin = info.tensors.get(info.ingest_output or "", [1, f"{image}.normalized"])[1]
    return state.add("Add", [scaled, shift], state.names.fresh(str(twin)))


def _rest(info: CompiledInfo) -> ChannelAffine | None:
    """Return the map from the preprocessed image to the ingested one; None if they are equal."""
    affine, preprocessing = info.input.affine, info.preprocessing
    if affine is None or preprocessing is None:
        return None
    given = preprocessing.affine(info.input.channels)
    if affine == given:
        return None
    scale = affine.scale / given.scale
    return ChannelAffine(scale, affine.shift - given.shift * scale)


def drop_averages(graph: onnx.GraphProto) -> None:
    """Make the outputs for one view the outputs, in place of their averages over the views."""
    makers = {o: node for node in graph.node for o in node.output}
    names: dict[str, str] = {}
    for output in graph.output:
        inner = output.name
        while inner in makers and makers[inner].name.startswith(_VIEWS):
            inner = makers[inner].input[0]
        if inner != output.name:
            names |= {output.name: f"{output.name}.averaged", inner: output.name}
        shape = output.type.tensor_type.shape
        if shape.dim and shape.dim[0].dim_param:
            shape.dim[0].dim_param = _BATCH
    for node in graph.node:
        for field in (node.input, node.output):
            for index, name in enumerate(field):
                field[index] = names.get(name, name)
