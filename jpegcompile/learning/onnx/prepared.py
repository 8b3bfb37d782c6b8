"""Prepare an ONNX model for a PyTorch module: one form per idea, weights as in the file.

The compiler's own passes run, except for those that merge weights of several nodes or permute
them. So a batch normalization stays a node with running statistics.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from jpegcompile.errors import UnsupportedModelError
from jpegcompile.frontend.graph import graph_at_size
from jpegcompile.frontend.load import Source
from jpegcompile.frontend.preprocessing_nodes.extract import extract_preprocessing
from jpegcompile.ir.module import CompileOptions, Module
from jpegcompile.ir.rewrite import Pass
from jpegcompile.messages import Message
from jpegcompile.options.fitted import complete_options, image_of
from jpegcompile.pipeline import FOLD, LEGALIZE
from jpegcompile.resolution import at_asked_resolution

# These passes create weights that no tensor of the file contains.
_MERGING = ("fold-batch-norm", "absorb-normalization", "fold-channel-order")
_NORMALIZATION = "canonical-normalization"


@dataclass(frozen=True)
class Prepared:
    """A prepared model.

    Attributes:
        module: the graph in canonical form, before it is lowered.
        source: the model at the asked resolution, without preprocessing that the ingest replaces.
        options: complete options of the compilation.
    """

    module: Module
    source: Source
    options: CompileOptions


def prepared(
    source: Source, options: CompileOptions, *, merges_normalizations: bool = True
) -> Prepared:
    """Bring a checked model to canonical form.

    Args:
        source: the model.
        options: options of the compilation.
        merges_normalizations: whether the nodes of a group normalization become one node.

    Raises:
        UsageError, UnsupportedModelError: as for `compile`.
    """
    if options.takes_files:
        extraction = extract_preprocessing(
            source, options.image_input, options.input_size, options.preprocess
        )
        source, options = extraction.source, replace(options, preprocess=extraction.preprocess)
    image = image_of(source, options.image_input, options.input_size)
    complete = complete_options(options, image)
    source, image, complete, _ = at_asked_resolution(source, image, complete)
    module = Module.of(graph_at_size(source.model, source.folder, image), image, complete)
    for step in _passes(merges_normalizations):
        try:
            step.run(module)
        except UnsupportedModelError as error:
            raise UnsupportedModelError(Message(error.code, f"{source.name}: {error}")) from error
    return Prepared(module, source, complete)


def _passes(merges_normalizations: bool) -> list[Pass]:
    dropped = _MERGING if merges_normalizations else (*_MERGING, _NORMALIZATION)
    return [*LEGALIZE, *(step for step in FOLD if step.name not in dropped)]
