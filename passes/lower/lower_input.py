"""Replace the image input by the coefficients of a JPEG file.

--input coefficients   image  =>  ToSpatial(JpegIngest(luma, chroma, quantization))
                       grayscale:  ToSpatial(JpegIngestGray(luma, quantization))
                       images of any size: the ingest matrices are inputs, too
--input tensor         image stays the input; its readers keep their casts

The ingest combines decoding and normalization in one affine function; see `jpegcompile.dct.ingest`.
"""

from __future__ import annotations

import numpy as np
import onnx_graphsurgeon as gs
from onnx import helper

from jpegcompile.dct.ingest import IngestOperators, fill_offset, ingest_operators
from jpegcompile.interface import AXIS_INPUTS, CHROMA, DOMAIN, LEVEL, LUMA, QUANTIZATION
from jpegcompile.ir.graph import all_names
from jpegcompile.ir.image import (
    TO_CHANNELS_LAST,
    channels_first_image,
    image_tensor,
    require_unused_name,
)
from jpegcompile.ir.module import Module
from jpegcompile.ir.operands import Operands, make_node
from jpegcompile.ir.rewrite import Pass
from jpegcompile.operators.casts import TO_SPATIAL
from jpegcompile.operators.fragments import AXES
from jpegcompile.operators.ingest import INGEST, INGEST_GRAY


class LowerInput(Pass):
    """Replaces the image input by coefficients and quantization tables."""

    name = "lower-input"

    def run(self, module: Module) -> bool:
        """Replace the input; returns whether it was replaced.

        Raises:
            UnsupportedModelError: if a tensor of the model has the name of a new input.
        """
        if not module.options.takes_files or module.ingest_output is not None:
            return False
        graph, declared = module.graph, image_tensor(module)
        names = all_names(graph)
        inputs, ingested = _ingest(module, declared)
        for name in sorted(tensor.name for tensor in inputs):
            require_unused_name(name, names)
        position = graph.inputs.index(declared)
        graph.inputs[position : position + 1] = inputs
        image = channels_first_image(module, declared)
        if image is None:
            image = gs.Variable(
                module.fresh(f"{declared.name}.nchw"), ingested.dtype, ingested.shape
            )
            attrs = {"perm": TO_CHANNELS_LAST}
            name = module.fresh(f"{declared.name}.nhwc")
            graph.nodes.append(gs.Node("Transpose", name, attrs, [image], [declared]))
        image.inputs.clear()
        _cast_back(module, ingested, image)
        module.ingest_output = ingested.name
        module.twins[ingested.name] = module.image_twin or image.name
        graph.cleanup().toposort()
        return True


def _ingest(module: Module, declared: gs.Tensor) -> tuple[list[gs.Tensor], gs.Variable]:
    """Create the new graph inputs and an ingest node; return the inputs and the node's output."""
    image, frame = module.image, module.frame
    assert frame is not None
    batch, dtype = declared.shape[0], declared.dtype
    planes = [_blocks(module, LUMA, batch, 0)]
    if len(frame.sampling) > 1:
        planes.append(_blocks(module, CHROMA, batch, 1))
    # If the whole network is spatial, the ingest of files of any size computes pixels directly.
    is_spatial = module.is_preprocessed and module.options.domain == "auto"
    operators = ingest_operators(frame, image, 1 if is_spatial else None)
    matrices: Operands = {}
    indexing: Operands = {}
    for plane, tables in zip(planes, (range(1), range(1, 3)), strict=False):
        indexing |= _indexing(module, plane, tables)
        matrices |= _matrices(module, operators, plane.name, dtype)
    components = len(frame.sampling)
    inputs = [*planes, gs.Variable(QUANTIZATION, np.dtype(np.uint16), (batch, components, 8, 8))]
    result = gs.Variable(
        module.fresh(f"{image.name}.jpeg"), dtype, (batch, image.channels, *image.size)
    )
    node = make_node(
        INGEST_GRAY if components == 1 else INGEST,
        module.fresh(f"{DOMAIN}.ingest"),
        # The graph inputs are named after the operands.
        {
            **{tensor.name: tensor for tensor in inputs},
            **indexing,
            **matrices,
            **_constants(module, operators, dtype),
        },
        {"to": helper.np_dtype_to_tensor_dtype(dtype), "block": operators.block},
        [result],
    )
    module.graph.nodes.append(node)
    _enter(module, result, operators.block)
    inputs += [matrix for matrix in matrices.values() if isinstance(matrix, gs.Variable)]
    if module.has_axis_inputs and image.geometry.may_fill(image.size):
        level = gs.Variable(LEVEL, dtype, (image.channels, *image.size))
        return [*inputs, level], _with_level(module, result, level)
    return inputs, result


def _with_level(module: Module, ingested: gs.Variable, level: gs.Variable) -> gs.Variable:
    """Add the level of the pixels in the network's input that the image does not cover."""
    result = gs.Variable(module.fresh(f"{ingested.name}.filled"), ingested.dtype, ingested.shape)
    name = module.fresh(f"{DOMAIN}.ingest.level")
    module.graph.nodes.append(gs.Node("Add", name, {}, [ingested, level], [result]))
    for tensor in (level, result):
        _enter(module, tensor, module.current_block(ingested))
    return result


def _enter(module: Module, tensor: gs.Variable, block: int) -> None:
    """Record the block size of an image in the JPEG domain."""
    if block > 1:
        module.blocks[tensor.name] = block


def _constants(module: Module, operators: IngestOperators, dtype: np.dtype[np.generic]) -> Operands:
    pool, image = module.constants, module.image
    offset = operators.offset
    if module.has_axis_inputs and image.geometry.may_fill(image.size):
        offset = fill_offset(image)
    arrays = {"mixing": operators.mixing[:, :, None, None], "offset": offset[:, None, None]}
    shared: Operands = {
        name: pool.share(f"ingest.{name}", values, dtype) for name, values in arrays.items()
    }
    return shared | {"dc": pool.dc(*image.size, operators.block, dtype)}


def _matrices(
    module: Module, operators: IngestOperators, plane: str, dtype: np.dtype[np.generic]
) -> Operands:
    """Matrices of a plane: constants, or graph inputs if images may have any size."""
    rows, columns = AXIS_INPUTS[plane]
    if module.has_axis_inputs:
        height, width = module.image.size
        return {
            rows: gs.Variable(rows, dtype, (height, f"{plane}_row_coefficients")),
            columns: gs.Variable(columns, dtype, (f"{plane}_column_coefficients", width)),
        }
    index = 0 if plane == LUMA else 1
    values = {
        rows: operators.rows[index].dense(),
        columns: operators.columns[index].dense().T,
    }
    return {
        name: module.constants.share(f"ingest.{name}", matrix, dtype)
        for name, matrix in values.items()
    }


def _blocks(module: Module, name: str, batch: int | str, component: int) -> gs.Variable:
    """Create the input for quantized coefficients of a plane.

    Args:
        module: the module.
        name: name of the input.
        batch: the batch dimension.
        component: index of the plane's first component in the frame.
    """
    assert module.frame is not None
    counts: tuple[int | str, ...] = module.frame.block_counts(component)
    if module.has_axis_inputs:
        counts = (f"{name}_block_rows", f"{name}_block_columns")
    components = 1 if name == LUMA else 2
    return gs.Variable(name, np.dtype(np.int16), (batch, components, *counts, 8, 8))


def _indexing(module: Module, blocks: gs.Variable, tables: range) -> Operands:
    """Operands for a plane: its table indices, and target shapes of its tables and blocks."""
    _, components, rows, columns, _, _ = blocks.shape
    values = {"index": list(tables), "table_shape": [0, components, 1, 1, 8, 8]}
    if not module.has_axis_inputs:
        values["shape"] = [0, components, 8 * rows, 8 * columns]
    found: Operands = {
        f"{blocks.name}_{name}": gs.Constant(
            module.fresh(f"{DOMAIN}.ingest.{blocks.name}_{name}"), np.asarray(entries, np.int64)
        )
        for name, entries in values.items()
    }
    return found | (_plane_shape(module, blocks) if module.has_axis_inputs else {})


def _plane_shape(module: Module, blocks: gs.Variable) -> Operands:
    """Shape of a plane, computed at run time from the number of blocks."""
    base = f"{DOMAIN}.ingest.{blocks.name}_shape"
    pool, integers = module.constants, np.dtype(np.int64)
    components = int(blocks.shape[1])

    def computed(op: str, inputs: list[gs.Tensor], size: int, **attrs: int) -> gs.Variable:
        name = module.fresh(f"{base}.{op}")
        made = gs.Variable(name, integers, (size,))
        module.graph.nodes.append(gs.Node(op, name, attrs, inputs, [made]))
        return made

    counted = computed("Shape", [blocks], 6)
    sides = pool.share("ingest.sides", np.asarray([2, 3]), integers)
    counts = computed("Gather", [counted, sides], 2, axis=0)
    eight = pool.share("ingest.eight", np.asarray([8]), integers)
    coefficients = computed("Mul", [counts, eight], 2)
    leading = pool.share(f"ingest.{blocks.name}.leading", np.asarray([0, components]), integers)
    return {f"{blocks.name}_shape": computed("Concat", [leading, coefficients], 4, axis=0)}


def _cast_back(module: Module, ingested: gs.Variable, image: gs.Tensor) -> None:
    """Append image = ToSpatial(ingested); at block size 1 both are equal."""
    size, block = module.image.size, module.current_block(ingested)
    matrices = module.constants.to_pixels(size, block, image.dtype, AXES)
    name = module.fresh(f"{image.name}.{TO_SPATIAL}")
    inputs = {"x": ingested, **matrices}
    module.graph.nodes.append(make_node(TO_SPATIAL, name, inputs, {"block": block}, [image]))
