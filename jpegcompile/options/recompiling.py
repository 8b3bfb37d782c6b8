"""Options of a compilation that follow from a model with `jpegcompile` operators.

A model that was compiled before has preprocessing, a subsampling and frequencies. They are the
defaults when it is compiled again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from jpegcompile.frontend.load import Source
from jpegcompile.frontend.raising.raise_model import Raised
from jpegcompile.ir.module import CompileOptions
from jpegcompile.messages import Message
from jpegcompile.metadata import CompiledInfo
from jpegcompile.options.requested import require_decoder


def complete_from_model(
    source: Source, options: CompileOptions
) -> tuple[CompileOptions, list[Message]]:
    """Fill in defaults from a model that was compiled before.

    Args:
        source: the model.
        options: options that the user asks for.

    Returns:
        The options, and notes for the report.

    Raises:
        UsageError: if the target does not have the decoder of the model.
    """
    raised = source.raised
    if raised is None:
        return options, []
    complete = options if raised.info is None else _described(options, raised.info)
    if raised.plan is not None and _follows(options):
        complete = replace(complete, frequencies=raised.plan)
    return complete, list(_notes(raised, options, complete))


def _follows(options: CompileOptions) -> bool:
    """Whether the masks of the model are used."""
    return options.follows_model and (options.domain == "jpeg" or options.target.chooses_layouts)


def _described(options: CompileOptions, info: CompiledInfo) -> CompileOptions:
    """Fill in what the metadata describe."""
    image_input = options.image_input or info.input.name
    preprocess, subsampling = options.preprocess, options.subsampling
    if preprocess is None and info.preprocessing is not None:
        preprocess = info.preprocessing
        if options.takes_files:
            require_decoder(preprocess, options.target)
    if options.takes_files and subsampling is None and preprocess is not None:
        is_gray = preprocess.color_for(info.input.channels) == "L"
        subsampling = None if is_gray else info.subsampling
    return replace(options, image_input=image_input, preprocess=preprocess, subsampling=subsampling)


def _notes(raised: Raised, options: CompileOptions, complete: CompileOptions) -> Iterator[Message]:
    """Yield what the user should know about the model."""
    yield Message(
        "own-operators-raised",
        f"the model has {raised.nodes} nodes of jpegcompile operators, which were replaced by"
        " standard operators before compiling",
    )
    if complete.preprocess is not options.preprocess:
        yield Message(
            "preprocessing-from-model",
            "the preprocessing is that of the compiled model; --preprocess gives another",
        )
    if raised.plan is None:
        return
    if complete.frequencies is raised.plan:
        yield Message(
            "frequencies-from-model",
            "the frequencies of masks and truncations are those of the compiled model;"
            " --frequencies and --truncate give others, and --frequencies 15 makes all masks exact",
        )
    elif options.follows_model:
        yield Message(
            "frequencies-of-model-unused",
            "the masks and truncations of the compiled model are left out, since all maps are"
            " spatial with --domain auto",
        )
