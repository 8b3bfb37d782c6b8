"""What the user asks for, checked against the model and completed from it."""

from __future__ import annotations

from dataclasses import replace

from onnx import TensorProto

from jpegcompile.errors import ImageError, UsageError
from jpegcompile.frontend.image import declared_image
from jpegcompile.frontend.load import Source
from jpegcompile.input_size import Size, sized
from jpegcompile.ir.module import CompileOptions
from jpegcompile.jpeg.frame import Frame
from jpegcompile.jpeg.subsampling import GRAY, SUBSAMPLINGS
from jpegcompile.messages import Message
from jpegcompile.network_input import NetworkInput
from jpegcompile.preprocessing.preprocess import Preprocess
from jpegcompile.preprocessing.presets import for_network


def image_of(source: Source, image_input: str | None, size: Size | None = None) -> NetworkInput:
    """Find the input that is the image, by its name or because no other input can be the image.

    Args:
        source: the model.
        image_input: name of the input; None if only one input can be the image.
        size: height and width, if they are dynamic dimensions of the model.

    Raises:
        UnsupportedModelError: if the input is not a floating-point tensor of rank 4, its channels
            are dynamic, or its size is dynamic and `size` is None.
        UsageError: if there is no input of that name, or the input has another fixed size.
    """
    image = declared_image(source.model, image_input, source.name)
    height, width = sized(f"{source.name}: input '{image.name}'", image.size, size)
    return NetworkInput(image.name, image.channels, height, width, image.layout, source.has_batch)


def complete_options(options: CompileOptions, image: NetworkInput) -> CompileOptions:
    """Fill in defaults that depend on the model, and check the options against the model.

    Args:
        options: options that the user asks for.
        image: image input of the model.

    Raises:
        UsageError: if an option does not fit the model. The message names the option and what to
            give instead.
    """
    if options.preprocess is not None:
        preprocess = for_network(options.preprocess, image.size)
        options = replace(options, preprocess=preprocess)
    if not options.takes_files:
        if options.subsampling is not None:
            raise UsageError(
                Message(
                    "subsampling-without-files",
                    "--subsampling applies to --input coefficients and --input jpeg; leave it out",
                )
            )
        if options.preprocess is not None and image.channels in (1, 3):
            options.preprocess.color_for(image.channels)
            options.preprocess.affine(image.channels)
        return options
    if options.preprocess is None:
        raise UsageError(
            Message(
                "preprocess-missing",
                f"--input {options.input_mode} needs --preprocess; give the normalization that the"
                " model was trained with: imagenet, cifar10, unit, none or a JSON file",
            )
        )
    if image.channels not in (1, 3):
        raise UsageError(
            Message(
                "channels-not-of-jpeg",
                f"input '{image.name}' has {image.channels} channels, and a JPEG file has 1 or 3;"
                " use --input tensor",
            )
        )
    color = options.preprocess.color_for(image.channels)
    options.preprocess.affine(image.channels)
    _require_placed(options.preprocess, image)
    return replace(options, subsampling=_subsampling(options.subsampling, is_gray=color == "L"))


def _subsampling(asked: str | None, *, is_gray: bool) -> str:
    """Return the subsampling that the user asks for, or the default for the model."""
    subsampling = asked or (GRAY if is_gray else "4:2:0")
    if subsampling not in SUBSAMPLINGS:
        raise UsageError(
            Message(
                "subsampling-unknown",
                f"subsampling is '{subsampling}'; use one of {', '.join(SUBSAMPLINGS)}",
            )
        )
    if is_gray and subsampling != GRAY:
        raise UsageError(
            Message(
                "subsampling-of-one-channel",
                f"the model has one channel, luma, which does not depend on --subsampling"
                f" {subsampling}; leave the option out",
            )
        )
    return subsampling


def _require_placed(preprocess: Preprocess, image: NetworkInput) -> None:
    """Refuse preprocessing that cannot process an image of the network's own size."""
    geometry = preprocess.geometry
    if preprocess.decoder != "float":
        geometry.require_integers()
    try:
        geometry.place(Frame(*image.size, ((1, 1),), "gray"), image.size)
    except ImageError as error:
        text = f"--preprocess: an image of the network's own size {error}"
        raise UsageError(Message(error.code, text)) from error


def require_averages(source: Source, preprocess: Preprocess | None) -> None:
    """Refuse outputs that have no average over the views of an image, if there are several views.

    Args:
        source: the model.
        preprocess: preprocessing of the model; None if it has none.

    Raises:
        UsageError: if an output does not contain real numbers. The message names the output.
    """
    if preprocess is None or preprocess.geometry.view_count == 1:
        return
    for value in source.model.graph.output:
        kind = value.type.tensor_type.elem_type
        if kind not in (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE):
            raise UsageError(
                Message(
                    "output-not-averaged",
                    f"{source.name}: output '{value.name}' is"
                    f" {TensorProto.DataType.Name(kind).lower()}, which has no average over"
                    ' "views"; leave them out of --preprocess, or export the model without that'
                    " output",
                )
            )
