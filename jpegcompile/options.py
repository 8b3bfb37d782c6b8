"""What the user asks for, checked against the model."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from onnx import TensorProto

from jpegcompile.cost.gpus import DEFAULT_GPU, GPUS
from jpegcompile.dct.frequencies import ALL
from jpegcompile.errors import ImageError, UsageError
from jpegcompile.frequency_plan import Frequencies, Masking, frequency_plan
from jpegcompile.frontend.image import declared_image
from jpegcompile.frontend.load import Source
from jpegcompile.gpu.archs import ARCHITECTURES, require_architectures
from jpegcompile.input_size import InputSize, Size, input_size_of, sized
from jpegcompile.ir.module import CompileOptions, DomainChoice, InputMode
from jpegcompile.jpeg.frame import Frame
from jpegcompile.jpeg.subsampling import GRAY, SUBSAMPLINGS
from jpegcompile.network_input import NetworkInput
from jpegcompile.precision import precision_of
from jpegcompile.preprocessing.preprocess import Decoder, Preprocess
from jpegcompile.preprocessing.presets import for_network
from jpegcompile.preprocessing.reading import with_decoder
from jpegcompile.resolution_plan import Resolution, resolution_of
from jpegcompile.target.base import Target
from jpegcompile.target.registry import target_of

# What 32 bits hold.
MOST_BATCH = 2**31 - 1
SPATIAL_HAS_NO_FREQUENCIES = (
    "--frequencies and --truncate are for maps of coefficients, and with --domain auto maps are"
    " pixels; leave them out, or use --domain jpeg"
)


def compile_options(
    *,
    input: InputMode = "coefficients",
    target: str = "ort",
    preprocess: str | os.PathLike[str] | Mapping[str, Any] | Preprocess | None = None,
    decoder: Decoder | None = None,
    subsampling: str | None = None,
    image_input: str | None = None,
    input_size: InputSize | None = None,
    resolution: Resolution | None = None,
    frequencies: Frequencies = ALL,
    relu: Masking | None = None,
    truncate: int | None = None,
    domain: DomainChoice | None = None,
    lean: bool = False,
    batch: int | None = None,
    precision: str | None = None,
    gpu: str | None = None,
    aot: Sequence[str] = (),
) -> CompileOptions:
    """Arguments of `compile`, checked as far as they can be without the model.

    Raises:
        UsageError: if one has no such value.
        AccessError: if a preprocessing or frequencies file cannot be read.
    """
    if input not in ("coefficients", "jpeg", "tensor"):
        raise UsageError(f"input is '{input}'; use coefficients, jpeg or tensor")
    made_for = target_of(target)
    if domain is None:
        domain = "auto" if made_for.chooses_layouts else "jpeg"
    if domain not in ("jpeg", "auto"):
        raise UsageError(f"domain is '{domain}'; use jpeg or auto")
    if gpu is not None and not made_for.chooses_layouts:
        raise UsageError(f"--gpu is for targets that choose layouts, not {target}; leave it out")
    if gpu is not None and gpu not in GPUS:
        raise UsageError(f"gpu is '{gpu}'; use {', '.join(GPUS)}")
    if aot and not made_for.compiles_kernels:
        raise UsageError(f"--aot is for targets of GPU kernels, not {target}; leave it out")
    require_architectures("--aot", aot)
    chosen = precision_of(precision or made_for.precisions[0])
    if chosen.name not in made_for.precisions:
        raise UsageError(
            f"--target {target} does not compute in {chosen.name}; use"
            f" {' or '.join(made_for.precisions)}"
        )
    if input == "jpeg" and made_for.kernels is None:
        raise UsageError(
            f"--target {target} has standard operators only, and none of them reads a JPEG file;"
            " use --target ort, or --input coefficients"
        )
    if batch is not None and not 1 <= batch <= MOST_BATCH:
        raise UsageError(
            f"batch is {batch}; give the number of images at a time, from 1 to {MOST_BATCH}"
        )
    takes_batch = made_for.kernels is not None or made_for.chooses_layouts
    if (lean and made_for.kernels is None) or (batch not in (None, 1) and not takes_batch):
        raise UsageError(
            f"--lean and --batch choose among native kernels, and --target {target} has none;"
            " leave them out"
        )
    plan = frequency_plan(frequencies, relu, truncate)
    if domain == "auto" and not plan.is_exact and not made_for.chooses_layouts:
        raise UsageError(SPATIAL_HAS_NO_FREQUENCIES)
    return CompileOptions(
        input_mode=input,
        target=made_for,
        preprocess=_described(preprocess, decoder, made_for),
        subsampling=subsampling,
        image_input=image_input,
        input_size=input_size_of(input_size),
        resolution=resolution_of(resolution),
        frequencies=plan,
        domain=domain,
        lean=lean,
        batch=batch,
        precision=chosen,
        gpu=gpu or DEFAULT_GPU,
        aot=tuple(ARCHITECTURES[arch] for arch in dict.fromkeys(aot)),
    )


def _described(
    spec: str | os.PathLike[str] | Mapping[str, Any] | Preprocess | None,
    decoder: Decoder | None,
    target: Target,
) -> Preprocess | None:
    """The preprocessing that is asked for, with the decoder that is.

    Raises:
        UsageError: if there is no such decoder, or the target does not have it.
        AccessError: as `preprocess_of`.
    """
    if spec is None:
        if decoder is not None:
            raise UsageError("--decoder is for files, which need --preprocess; give it, too")
        return None
    preprocess = with_decoder(spec, decoder)
    if preprocess.decoder != "float" and (target.kernels is None or target.chooses_layouts):
        raise UsageError(
            f"--decoder {preprocess.decoder} needs the native kernels of --target ort, and --target"
            f" {target.name} does not have them; use --decoder float"
        )
    return preprocess


def image_of(source: Source, image_input: str | None, size: Size | None = None) -> NetworkInput:
    """The input that is the image, by its name or because no other could be.

    Args:
        source: the model.
        image_input: name of the input; None if no other could be the image.
        size: height and width where the model leaves them open.

    Raises:
        UnsupportedModelError: if it is no floating-point tensor of rank 4, or its channels are
            open, or its size is and none is given.
        UsageError: if there is no input of that name, or it is fixed to another size.
    """
    image = declared_image(source.model, image_input, source.name)
    height, width = sized(f"{source.name}: input '{image.name}'", image.size, size)
    return NetworkInput(image.name, image.channels, height, width, image.layout, source.has_batch)


def complete_options(options: CompileOptions, image: NetworkInput) -> CompileOptions:
    """Fill in defaults that depend on the model, and refuse what does not fit it.

    Raises:
        UsageError: naming the option and what to give instead.
    """
    if options.preprocess is not None:
        preprocess = for_network(options.preprocess, image.size)
        options = replace(options, preprocess=preprocess)
    if not options.takes_files:
        if options.subsampling is not None:
            raise UsageError(
                "--subsampling is for --input coefficients and --input jpeg; leave it out"
            )
        if options.preprocess is not None and image.channels in (1, 3):
            options.preprocess.color_for(image.channels)
            options.preprocess.affine(image.channels)
        return options
    if options.preprocess is None:
        raise UsageError(
            f"--input {options.input_mode} needs --preprocess, the normalisation that the model was"
            " trained with: imagenet, cifar10, unit, none or a JSON file"
        )
    if image.channels not in (1, 3):
        raise UsageError(
            f"input '{image.name}' has {image.channels} channels, a JPEG file gives 1 or 3;"
            " use --input tensor"
        )
    color = options.preprocess.color_for(image.channels)
    options.preprocess.affine(image.channels)
    _require_placed(options.preprocess, image)
    subsampling = options.subsampling or (GRAY if color == "L" else "4:2:0")
    if subsampling not in SUBSAMPLINGS:
        raise UsageError(f"subsampling is '{subsampling}'; use one of {', '.join(SUBSAMPLINGS)}")
    if color == "L" and subsampling != GRAY:
        raise UsageError(
            f"the model takes one channel, luma, which is the same at {subsampling};"
            " leave --subsampling out"
        )
    return replace(options, subsampling=subsampling)


def _require_placed(preprocess: Preprocess, image: NetworkInput) -> None:
    """Refuse a preprocessing by which not even images of the network's size come to that size."""
    geometry = preprocess.geometry
    if preprocess.decoder != "float":
        geometry.require_integers()
    try:
        geometry.place(Frame(*image.size, ((1, 1),), "gray"), image.size)
    except ImageError as error:
        raise UsageError(f"--preprocess: an image of the network's own size {error}") from error


def require_averages(source: Source, preprocess: Preprocess | None) -> None:
    """Refuse outputs that cannot be averaged over the views of an image, where there are several.

    Raises:
        UsageError: naming the first that does not hold real numbers.
    """
    if preprocess is None or preprocess.geometry.view_count == 1:
        return
    for value in source.model.graph.output:
        kind = value.type.tensor_type.elem_type
        if kind not in (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE):
            raise UsageError(
                f"{source.name}: output '{value.name}' is {TensorProto.DataType.Name(kind).lower()}"
                ', which has no average over "views"; leave them out of --preprocess, or export the'
                " model without that output"
            )
