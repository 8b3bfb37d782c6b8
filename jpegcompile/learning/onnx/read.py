"""`from_onnx`: a PyTorch module of an ONNX model."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import onnx
import torch
from torch import fx

from jpegcompile.errors import UnsupportedModelError, UsageError
from jpegcompile.frequency_plan import Frequencies, Masking
from jpegcompile.frontend.load import Source, load_source
from jpegcompile.input_size import InputSize
from jpegcompile.ir.module import CompileOptions, Module
from jpegcompile.learning.lowering import JpegModule, LoweringOptions, lower_graph
from jpegcompile.learning.lowering.options import DomainChoice
from jpegcompile.learning.lowering.twins import is_masked
from jpegcompile.learning.modules.domain import Domain
from jpegcompile.learning.onnx.builder import NODE, Builder, Built, SpatialModule
from jpegcompile.learning.onnx.decisions import Decisions, decisions_of
from jpegcompile.learning.onnx.logits import softmax_of
from jpegcompile.learning.onnx.origin import OnnxSource
from jpegcompile.learning.onnx.origins import Origin
from jpegcompile.learning.onnx.prepared import Prepared, prepared
from jpegcompile.learning.onnx.roles import Role, learned_roles
from jpegcompile.learning.onnx.sharing import separate_vectors
from jpegcompile.learning.onnx.tracing import trace
from jpegcompile.lowering import lower
from jpegcompile.messages import Message
from jpegcompile.options import compiling as option
from jpegcompile.options.requested import (
    SPATIAL_HAS_NO_FREQUENCIES,
    ModelOptions,
    compile_options,
)
from jpegcompile.preprocessing.preprocess import Decoder, Preprocess
from jpegcompile.resolution_plan import Resolution
from jpegcompile.weights.read import load_weights

LearningDomain = Literal["jpeg", "auto", "spatial"]


def from_onnx(
    model: str | os.PathLike[str] | onnx.ModelProto,
    *,
    domain: LearningDomain = "jpeg",
    input: Domain = "jpeg",
    frequencies: Frequencies | None = option.FREQUENCIES.default,
    relu: Masking | None = option.RELU.default,
    truncate: int | None = option.TRUNCATE.default,
    preprocess: str | os.PathLike[str] | Mapping[str, Any] | Preprocess | None = None,
    decoder: Decoder | None = option.DECODER.default,
    subsampling: str | None = option.SUBSAMPLING.default,
    image_input: str | None = option.IMAGE_INPUT.default,
    input_size: InputSize | None = option.INPUT_SIZE.default,
    resolution: Resolution | None = option.RESOLUTION.default,
) -> fx.GraphModule:
    """Return a PyTorch module that computes an ONNX model, with its weights as parameters.

    docs/learning.md says which constants are learned and how they are named.

    Args:
        model: path of an ONNX model, or the model.
        domain: "jpeg" to keep maps in the JPEG domain, "auto" for coefficients only where they pay,
            "spatial" for a module of pixels.
        input: domain of the image that the module takes: "jpeg", or "spatial" for pixels. The image
            is the network's input [N, C, H, W], with channels first whatever the model's layout.
            With `domain="spatial"` it is always pixels.
        frequencies: number of mask frequencies, or a plan for each node, as for `compile`.
        relu: "asm" or "apx", as for `compile`.
        truncate: number of kept frequencies, as for `compile`.
        preprocess: how images become the network's input, as for `compile`. If given, preprocessing
            nodes of the model are left out of the module.
        decoder: decoder of the files, as for `compile`.
        subsampling: chroma subsampling of the files, as for `compile`.
        image_input: name of the image input, if the model has several inputs.
        input_size: height and width, if they are dynamic dimensions of the model.
        resolution: image size at which the network runs, if it differs from the training size.

    Returns:
        The module, in training mode. `module.source` is an `OnnxSource`, from which `to_onnx`
        writes the model with the learned weights. `module.ends_in_softmax` says whether outputs are
        probabilities; `logits_of` returns the module without that last step.

    Raises:
        UsageError: if options do not fit the model.
        UnsupportedModelError: if the model cannot be compiled, its batch size is fixed, or PyTorch
            cannot compute one of its nodes.
        AccessError: if a file cannot be read.
    """
    asked = ModelOptions(
        input="tensor" if preprocess is None else "coefficients",
        frequencies=frequencies,
        relu=relu,
        truncate=truncate,
        preprocess=preprocess,
        decoder=decoder,
        subsampling=subsampling,
        image_input=image_input,
        input_size=input_size,
        resolution=resolution,
    )
    options = compile_options(**asked)
    if domain == "spatial" and not options.frequencies.is_exact:
        raise UsageError(SPATIAL_HAS_NO_FREQUENCIES)
    source = load_source(model, image_input)
    copies = separate_vectors(source.model)
    file, folder = _file_of(model)
    ready, roles, origins, merges = _traced(source, options, file, copies)
    _require_any_batch(ready.module, source)
    names = {n: copies.get(origin.name, origin.name) for n, origin in origins.items()}
    built = Builder(ready.module, roles, names, source.name).build()
    spatial = built.module
    lowered = lower(source, options)
    record = OnnxSource(
        file,
        folder,
        source,
        asked,
        built.learned,
        origins,
        copies,
        merges,
        lowered.report,
        decisions_of(lowered).frequencies,
    )
    made: JpegModule | SpatialModule = spatial
    if domain != "spatial":
        made = _lowered(built, ready, lowered, domain, input, source.name)
    made.source, made.ends_in_softmax = record, softmax_of(spatial) is not None
    return made


def _file_of(
    model: str | os.PathLike[str] | onnx.ModelProto,
) -> tuple[onnx.ModelProto, Path | None]:
    """Return the model as it was given, and the folder of its external weights."""
    if isinstance(model, onnx.ModelProto):
        copy = onnx.ModelProto()
        copy.CopyFrom(model)
        return copy, None
    path = Path(model)
    file = onnx.load_model(str(path), load_external_data=False)
    return file, path.parent if load_weights(file, path) else None


def _traced(
    source: Source, options: CompileOptions, file: onnx.ModelProto, copies: Mapping[str, str]
) -> tuple[Prepared, list[Role], dict[str, Origin], bool]:
    """Prepare a model, and find where its file has the learned weights.

    If a weight of a merged normalization is not in the file, the normalization stays as it is.

    Returns:
        The prepared model, its learned constants, their origins, and whether normalizations are
        merged.
    """
    initializers = {tensor.name for tensor in source.model.graph.initializer}
    in_file = {t.name for t in file.graph.initializer}
    in_file.update(name for node in file.graph.node for name in node.output)
    for merges in (True, False):
        ready = prepared(source, options, merges_normalizations=merges)
        roles = list(learned_roles(ready.module.graph, initializers))
        traced = trace(ready, roles, source, options, merges)
        origins = {
            name: origin
            for name, origin in traced.items()
            if copies.get(origin.name, origin.name) in in_file
        }
        if all(role.tensor.name in origins for role in roles):
            break
    return ready, roles, origins, merges


def _require_any_batch(module: Module, source: Source) -> None:
    if module.dynamic_batch:
        return
    raise UnsupportedModelError(
        Message(
            "learning-batch-fixed",
            f"{source.name}: {'; '.join(module.report.notes)}; a module that learns needs any"
            " batch: export the model with a dynamic batch, and without a node that fixes it",
        )
    )


def _lowered(
    built: Built,
    ready: Prepared,
    lowered: Module,
    domain: DomainChoice,
    input: Domain,
    source: str,
) -> JpegModule:
    """Return the module in the JPEG domain, with the decisions of the compiler."""
    image = ready.module.image
    weights = [*built.module.parameters(), *built.module.buffers()]
    dtype = next((w.dtype for w in weights if w.is_floating_point()), torch.float32)
    example = torch.zeros(2, image.channels, *image.size, dtype=dtype)
    decisions, plan = decisions_of(lowered), lowered.options.frequencies
    _require_masks(decisions, built.module, source)
    return lower_graph(
        built.module,
        example,
        LoweringOptions(domain, plan.default.mask, plan.masking, plan.default.keep, input),
        decisions=decisions.frequencies,
        kept=decisions.kept,
    )


def _require_masks(decisions: Decisions, module: fx.GraphModule, source: str) -> None:
    """Refuse few frequencies for a node whose mask the module would compute otherwise."""
    masked = {
        node.meta[NODE]
        for node in module.graph.nodes
        if node.op == "call_module" and is_masked(module.get_submodule(str(node.target)))
    }
    unknown = [name for name in decisions.frequencies if name not in masked]
    if unknown:
        raise UnsupportedModelError(
            Message(
                "learning-mask-unknown",
                f"{source}: node '{unknown[0]}' has a form whose mask a module cannot take from few"
                " frequencies; give it all frequencies in a plan",
            )
        )
