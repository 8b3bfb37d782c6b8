"""What the user asks for, checked as far as that is possible without the model."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypedDict, Unpack, cast

from jpegcompile.cost.gpus import DEFAULT_GPU, GPUS
from jpegcompile.errors import UsageError
from jpegcompile.frequency_plan import Frequencies, Masking, frequency_plan
from jpegcompile.gpu.archs import ARCHITECTURES, require_architectures
from jpegcompile.input_size import InputSize, input_size_of
from jpegcompile.ir.module import CompileOptions, DomainChoice, InputMode
from jpegcompile.messages import Message
from jpegcompile.options.compiling import INPUT, MODEL, MOST_BATCH
from jpegcompile.precision import precision_of
from jpegcompile.preprocessing.preprocess import Decoder, Preprocess
from jpegcompile.preprocessing.reading import with_decoder
from jpegcompile.resolution_plan import Resolution, resolution_of
from jpegcompile.target.base import Target
from jpegcompile.target.registry import target_of

SPATIAL_HAS_NO_FREQUENCIES = Message(
    "frequencies-in-spatial-domain",
    "--frequencies and --truncate apply to JPEG-domain maps, and --domain auto makes all maps"
    " spatial; leave them out, or use --domain jpeg",
)


_PLAN_OPTIONS: tuple[Literal["frequencies", "relu", "truncate"], ...] = (
    "frequencies",
    "relu",
    "truncate",
)


class ModelOptions(TypedDict, total=False):
    """Arguments of `compile` that say what a model is compiled for, as the user gives them."""

    input: InputMode
    target: str
    preprocess: str | os.PathLike[str] | Mapping[str, Any] | Preprocess | None
    decoder: Decoder | None
    subsampling: str | None
    image_input: str | None
    input_size: InputSize | None
    resolution: Resolution | None
    frequencies: Frequencies | None
    relu: Masking | None
    truncate: int | None
    domain: DomainChoice | None
    lean: bool
    batch: int | None
    precision: str | None
    gpu: str | None
    aot: Sequence[str]


def model_options(given: Mapping[str, Any]) -> ModelOptions:
    """Return the options of `ModelOptions` among arguments, such as the `locals()` of `compile`."""
    chosen = {option.name: given[option.name] for option in MODEL if option.name in given}
    return cast(ModelOptions, chosen)


def compile_options(**given: Unpack[ModelOptions]) -> CompileOptions:
    """Check the arguments of `compile` as far as that is possible without the model.

    Options that are not given have the defaults of the record (`jpegcompile/options/compiling.py`).

    Raises:
        UsageError: if the value of an option is invalid, or two options exclude each other.
        AccessError: if a preprocessing or frequencies file cannot be read.
    """
    asked = model_options({**{option.name: option.default for option in MODEL}, **given})
    if asked["input"] not in INPUT.choices:
        raise UsageError(
            Message(
                "input-unknown", f"input is '{asked['input']}'; use coefficients, jpeg or tensor"
            )
        )
    target = target_of(asked["target"])
    domain = _domain(asked["domain"], target)
    _check_gpu(asked["gpu"], asked["aot"], target)
    chosen = precision_of(asked["precision"] or target.precisions[0])
    if chosen.name not in target.precisions:
        raise UsageError(
            Message(
                "precision-not-in-target",
                f"--target {target.name} does not compute in {chosen.name}; use"
                f" {' or '.join(target.precisions)}",
            )
        )
    if asked["input"] == "jpeg" and target.kernels is None:
        raise UsageError(
            Message(
                "jpeg-input-needs-kernels",
                f"--target {target.name} has no operator that reads a JPEG file; use --target ort,"
                " or --input coefficients",
            )
        )
    _check_batch(asked["batch"], asked["lean"], target)
    plan = frequency_plan(asked["frequencies"], asked["relu"], asked["truncate"])
    if domain == "auto" and not plan.is_exact and not target.chooses_layouts:
        raise UsageError(SPATIAL_HAS_NO_FREQUENCIES)
    return CompileOptions(
        input_mode=asked["input"],
        target=target,
        preprocess=_described(asked["preprocess"], asked["decoder"], target),
        subsampling=asked["subsampling"],
        image_input=asked["image_input"],
        input_size=input_size_of(asked["input_size"]),
        resolution=resolution_of(asked["resolution"]),
        frequencies=plan,
        follows_model=not any(asked[name] is not None for name in _PLAN_OPTIONS),
        domain=domain,
        lean=asked["lean"],
        batch=asked["batch"],
        precision=chosen,
        gpu=asked["gpu"] or DEFAULT_GPU,
        aot=tuple(ARCHITECTURES[arch] for arch in dict.fromkeys(asked["aot"])),
    )


def _domain(asked: DomainChoice | None, target: Target) -> DomainChoice:
    """Return the domain of feature maps that the user asks for, or the default of the target."""
    if asked is None:
        return "auto" if target.chooses_layouts else "jpeg"
    if asked not in ("jpeg", "auto"):
        raise UsageError(Message("domain-unknown", f"domain is '{asked}'; use jpeg or auto"))
    return asked


def _check_gpu(gpu: str | None, aot: Sequence[str], target: Target) -> None:
    if gpu is not None and not target.chooses_layouts:
        raise UsageError(
            Message(
                "gpu-without-layouts",
                f"--target {target.name} chooses no layouts for a GPU; leave --gpu out",
            )
        )
    if gpu is not None and gpu not in GPUS:
        raise UsageError(Message("gpu-unknown", f"gpu is '{gpu}'; use {', '.join(GPUS)}"))
    if aot and not target.compiles_kernels:
        raise UsageError(
            Message(
                "aot-without-gpu-kernels",
                f"--target {target.name} has no GPU kernels; leave --aot out",
            )
        )
    require_architectures("--aot", aot)


def _check_batch(batch: int | None, lean: bool, target: Target) -> None:
    if batch is not None and not 1 <= batch <= MOST_BATCH:
        raise UsageError(
            Message(
                "batch-out-of-range",
                f"batch is {batch}; give a batch size from 1 to {MOST_BATCH}",
            )
        )
    has_kernels = target.kernels is not None
    if (lean and not has_kernels) or (
        batch not in (None, 1) and not (has_kernels or target.chooses_layouts)
    ):
        raise UsageError(
            Message(
                "kernel-options-without-kernels",
                f"--target {target.name} has no native kernels to choose from; leave --lean and"
                " --batch out",
            )
        )


def _described(
    spec: str | os.PathLike[str] | Mapping[str, Any] | Preprocess | None,
    decoder: Decoder | None,
    target: Target,
) -> Preprocess | None:
    """Return the preprocessing and the decoder that the user asks for.

    Raises:
        UsageError: if the decoder does not exist, or the target does not have it.
        AccessError: as `preprocess_of`.
    """
    if spec is None:
        if decoder is not None:
            raise UsageError(
                Message(
                    "decoder-without-preprocess",
                    "--decoder applies to JPEG files, which need --preprocess; give it too",
                )
            )
        return None
    preprocess = with_decoder(spec, decoder)
    require_decoder(preprocess, target)
    return preprocess


def require_decoder(preprocess: Preprocess, target: Target) -> None:
    """Refuse a decoder that a target does not have.

    Raises:
        UsageError: if the target does not have the decoder of the preprocessing.
    """
    if preprocess.decoder != "float" and (target.kernels is None or target.chooses_layouts):
        raise UsageError(
            Message(
                "decoder-needs-kernels",
                f"--decoder {preprocess.decoder} needs the native kernels of --target ort, which"
                f" --target {target.name} does not have; use --decoder float",
            )
        )
