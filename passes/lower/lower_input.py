"""Let the graph begin where the entropy decoding of a JPEG file ends.

--input coefficients   image  =>  ToSpatial(JpegIngest(luma, chroma, quantization))
                       a grey one:  ToSpatial(JpegIngestGray(luma, quantization))
--input tensor         image stays the input; its readers keep their casts

The ingest is the decode contract and the normalisation as one affine map; see
`jpegcompile.dct.ingest`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx_graphsurgeon as gs
from numpy.typing import NDArray
from onnx import helper

from jpegcompile.dct.blocks import block_size
from jpegcompile.dct.ingest import IngestOperators, ingest_operators
from jpegcompile.errors import UnsupportedModelError
from jpegcompile.interface import CHROMA, DOMAIN, LUMA, QUANTIZATION
from jpegcompile.ir.graph import all_names
from jpegcompile.ir.image import (
    TO_CHANNELS_LAST,
    channels_first_image,
    image_tensor,
)
from jpegcompile.ir.module import Module
from jpegcompile.ir.operands import Operands, make_node
from jpegcompile.ir.rewrite import Pass
from jpegcompile.operators.casts import TO_SPATIAL
from jpegcompile.operators.fragments import AXES
from jpegcompile.operators.ingest import INGEST, INGEST_GRAY


class LowerInput(Pass):
    """Replace the image input by coefficients and tables."""

    name = "lower-input"

    def run(self, module: Module) -> bool:
        """Returns whether the input was replaced."""
        if not module.options.takes_files or module.ingest_output is not None:
            return False
        graph, declared = module.graph, image_tensor(module)
        taken = {LUMA, CHROMA, QUANTIZATION} & all_names(graph)
        if taken:
            raise UnsupportedModelError(
                f"a tensor of the model is called '{min(taken)}', as an input of the compiled"
                " model will be; rename it"
            )
        inputs, ingested = _ingest(module, declared)
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
    """The new graph inputs, and the jpeg-domain image that an ingest node makes of them."""
    image, frame = module.image, module.frame
    assert frame is not None
    operators = ingest_operators(frame, image)
    batch, dtype = declared.shape[0], declared.dtype
    components = len(frame.sampling)
    luma = _blocks(LUMA, (batch, 1, *frame.block_counts(0)))
    inputs = [luma]
    indexing = _indexing(module, luma, range(1))
    matrices = _matrices(operators, 0, LUMA)
    if components > 1:
        chroma = _blocks(CHROMA, (batch, 2, *frame.block_counts(1)))
        inputs.append(chroma)
        indexing |= _indexing(module, chroma, range(1, 3))
        matrices |= _matrices(operators, 1, CHROMA)
    inputs.append(gs.Variable(QUANTIZATION, np.dtype(np.uint16), (batch, components, 8, 8)))
    result = gs.Variable(
        module.fresh(f"{image.name}.jpeg"),
        dtype,
        (batch, image.channels, *image.size),
    )
    constants = _constants(module, operators, matrices, dtype)
    node = make_node(
        INGEST_GRAY if components == 1 else INGEST,
        module.fresh(f"{DOMAIN}.ingest"),
        # Inputs of the graph are called as the operands.
        {**{tensor.name: tensor for tensor in inputs}, **indexing, **constants},
        {"to": helper.np_dtype_to_tensor_dtype(dtype), "block": operators.block},
        [result],
    )
    module.graph.nodes.append(node)
    return list(inputs), result


def _constants(
    module: Module,
    operators: IngestOperators,
    matrices: Mapping[str, NDArray[np.float64]],
    dtype: np.dtype[np.generic],
) -> Operands:
    pool, image = module.constants, module.image
    arrays = {
        **matrices,
        "mixing": operators.mixing[:, :, None, None],
        "offset": operators.offset[:, None, None],
    }
    shared: Operands = {
        name: pool.share(f"ingest.{name}", values, dtype) for name, values in arrays.items()
    }
    return shared | {"dc": pool.dc(*image.size, operators.block, dtype)}


def _matrices(
    operators: IngestOperators, component: int, plane: str
) -> dict[str, NDArray[np.float64]]:
    rows, columns = operators.rows[component], operators.columns[component]
    return {f"{plane}_rows": rows.dense(), f"{plane}_columns": columns.dense().T}


def _blocks(name: str, counts: tuple[int | str, ...]) -> gs.Variable:
    return gs.Variable(name, np.dtype(np.int16), (*counts, 8, 8))


def _indexing(module: Module, blocks: gs.Variable, tables: range) -> Operands:
    """Which tables a plane uses, and the shapes to which tables and blocks are rearranged."""
    _, components, rows, columns, _, _ = blocks.shape
    values = {
        "index": list(tables),
        "table_shape": [0, components, 1, 1, 8, 8],
        "shape": [0, components, 8 * rows, 8 * columns],
    }
    return {
        f"{blocks.name}_{name}": gs.Constant(
            module.fresh(f"{DOMAIN}.ingest.{blocks.name}_{name}"), np.asarray(entries, np.int64)
        )
        for name, entries in values.items()
    }


def _cast_back(module: Module, ingested: gs.Variable, image: gs.Tensor) -> None:
    """Make `image` ToSpatial(ingested); at block size 1 the two are the same."""
    size = module.image.size
    block = block_size(*size)
    if block > 1:
        module.blocks[ingested.name] = block
    matrices = module.constants.to_pixels(size, block, image.dtype, AXES)
    name = module.fresh(f"{image.name}.{TO_SPATIAL}")
    inputs = {"x": ingested, **matrices}
    module.graph.nodes.append(make_node(TO_SPATIAL, name, inputs, {"block": block}, [image]))
