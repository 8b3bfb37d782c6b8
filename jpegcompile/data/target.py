"""The form of batches: inputs of a compiled model, or pixels of a given size."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

from jpegcompile.data.augmentation.record import Augmentation
from jpegcompile.data.augmentation.text import augmentation_of
from jpegcompile.dct.blocks import BLOCK_SIZES, block_size
from jpegcompile.errors import UsageError
from jpegcompile.gpu.folder import is_module_folder, read_manifest
from jpegcompile.messages import Message
from jpegcompile.metadata import CompiledInfo, info_of
from jpegcompile.network_input import Layout, NetworkInput
from jpegcompile.preprocessing.preprocess import Preprocess
from jpegcompile.preprocessing.presets import for_network
from jpegcompile.preprocessing.reading import preprocess_of
from jpegcompile.preprocessing.steps import Size
from jpegcompile.runtime.image_runner import ImageRunner
from jpegcompile.runtime.input_tensors import preprocess_in
from jpegcompile.runtime.opening import read_compiled, require_compiled

Form = Literal["tensor", "pixels", "coefficients", "packed"]
FORMS: tuple[Form, ...] = get_args(Form)

Model = str | os.PathLike[str] | ImageRunner
Augment = Augmentation | str | Mapping[str, Any]
Description = str | os.PathLike[str] | Mapping[str, Any] | Preprocess


@dataclass(frozen=True)
class PackedTarget:
    """Packed coefficients of images of any size, for no model: `PackedImages`."""

    @property
    def is_coefficients(self) -> bool:
        """Whether batches contain coefficients."""
        return True


@dataclass(frozen=True)
class Target:
    """The content of batches.

    Attributes:
        form: "tensor" for network inputs of a compiled model after its ingest, for
            `Session.run_image`; "pixels" for inputs of the original model; "coefficients" for
            inputs of the compiled model, with matrices for each image if images have any size, and
            without a model for inputs of `JpegIngest`; "packed" for packed coefficients of images
            of one size, and without a model for `PlacedImages`.
        taken: image input of the network, in the layout of the tensors.
        block: block size of the tensors; 1 for pixels.
        info: metadata of the compiled model; None without a model.
        augmentation: random changes of the images. Coefficients without a model always have one,
            which may change nothing; None for models.
    """

    form: Form
    taken: NetworkInput
    block: int
    info: CompiledInfo | None = None
    augmentation: Augmentation | None = None

    @property
    def is_coefficients(self) -> bool:
        """Whether batches contain coefficients."""
        return self.form in ("coefficients", "packed")


def target_of(
    model: Model | None,
    form: Form | None,
    preprocess: Description | None,
    size: Size | None,
    layout: Layout | None,
    block: int | None = None,
    augment: Augment | None = None,
) -> Target | PackedTarget:
    """Return the content of batches; the arguments are as for `ImageDataset`.

    Raises:
        UsageError: if the arguments contradict each other or do not fit the model.
        AccessError, UnsupportedModelError: if the model cannot be read.
    """
    for name, given, known in (("form", form, FORMS), ("layout", layout, get_args(Layout))):
        if given is not None and given not in known:
            raise UsageError(
                Message(
                    "dataset-form-unknown", f"{name} is {given!r}; use one of {', '.join(known)}"
                )
            )
    if model is None and form == "packed" and preprocess is None and size is None:
        for name, other in (("layout", layout), ("block", block), ("augment", augment)):
            if other is not None:
                raise UsageError(
                    Message(
                        "dataset-packed-with-pixels",
                        f"{name} is given, but form packed without preprocess and size contains"
                        " coefficients of whole images; give preprocess and size, or leave it out",
                    )
                )
        return PackedTarget()
    if model is None:
        return _without_model(form or "pixels", preprocess, size, layout, block, augment)
    if preprocess is not None or size is not None or block is not None:
        raise UsageError(
            Message(
                "dataset-preprocess-with-model",
                "a compiled model contains preprocess, size and block; leave them out",
            )
        )
    if augment is not None:
        raise UsageError(
            Message(
                "dataset-augment-with-model",
                "augment is given with a compiled model, which reads images as they are; give"
                " preprocess and size in place of the model",
            )
        )
    info, path = _info_of(model)
    form = form or "tensor"
    if form in ("coefficients", "packed"):
        _require_coefficients(info, path, form)
    if form in ("coefficients", "packed") or (form == "tensor" and info.input_mode != "tensor"):
        _require_channels_first(layout, f"{path}: requires layout NCHW in form {form}")
        return Target(form, replace(info.input, layout="NCHW"), info.ingest_block, info)
    taken = info.input.normalized(preprocess_in(info, path))
    return Target(form, replace(taken, layout=layout or taken.layout), 1, info)


def _without_model(
    form: Form,
    preprocess: Description | None,
    size: Size | None,
    layout: Layout | None,
    block: int | None,
    augment: Augment | None,
) -> Target:
    if preprocess is None or size is None:
        raise UsageError(
            Message(
                "dataset-target-missing",
                "neither a model nor preprocess and size are given; give a compiled model, or"
                " preprocess and size",
            )
        )
    is_pair = isinstance(size, list | tuple) and len(size) == 2
    if not is_pair or not all(type(side) is int and side > 0 for side in size):
        raise UsageError(
            Message("dataset-size-invalid", f"size is {size!r}; give (height, width) in pixels")
        )
    described = for_network(preprocess_of(preprocess), size)
    channels = 1 if described.color == "L" else 3
    taken = NetworkInput("image", channels, *size, layout or "NCHW").normalized(described)
    augmentation = None if augment is None else augmentation_of(augment)
    if form in ("coefficients", "packed"):
        _require_channels_first(layout, f"form {form} requires layout NCHW")
        augmentation = augmentation or Augmentation()
    if augmentation is not None:
        _require_augmentable(taken)
    return Target(form, taken, _block_of(form, taken, block), augmentation=augmentation)


def _require_channels_first(layout: Layout | None, requirement: str) -> None:
    if layout not in (None, "NCHW"):
        raise UsageError(Message("dataset-layout-fixed", f"{requirement}; leave layout out"))


def _block_of(form: Form, taken: NetworkInput, block: int | None) -> int:
    """Return the block size of batches without a model.

    Raises:
        UsageError: if `block` is not a block size of the network's input.
    """
    if block is None:
        return 1 if form == "pixels" else block_size(*taken.size)
    largest = 1 if form == "pixels" else block_size(*taken.size)
    if block not in BLOCK_SIZES or block > largest:
        raise UsageError(
            Message(
                "dataset-block-invalid",
                f"block is {block!r} but form {form} of {taken.height}x{taken.width} allows"
                f" {', '.join(str(b) for b in BLOCK_SIZES if b <= largest)}; give one of them",
            )
        )
    return block


def _require_augmentable(taken: NetworkInput) -> None:
    if taken.decoder != "float" or taken.geometry.views != "one":
        raise UsageError(
            Message(
                "dataset-augment-not-linear",
                f"the preprocessing has decoder {taken.decoder} and views {taken.geometry.views},"
                " but coefficients without a model, and augmentation, require decoder float and"
                " one view; leave both out of preprocess",
            )
        )


def _info_of(model: Model) -> tuple[CompiledInfo, str]:
    if isinstance(model, ImageRunner):
        return model.info, model.path
    path = os.fspath(model)
    if is_module_folder(path):
        return info_of(read_manifest(Path(path))["info"], path), path
    return require_compiled(read_compiled(path)[1], path), path


def _require_coefficients(info: CompiledInfo, path: str, form: Form) -> None:
    if info.frame is None:
        raise UsageError(
            Message(
                "dataset-model-for-tensors",
                f"{path}: accepts tensors, not coefficients; use form tensor",
            )
        )
    if not info.input.is_preprocessed:
        return
    if info.input.decoder != "float":
        raise UsageError(
            Message(
                "dataset-integer-decode",
                f"{path}: has decoder {info.input.decoder}, which cannot be computed by matrices;"
                " use form tensor",
            )
        )
    if info.views > 1:
        raise UsageError(
            Message(
                "dataset-several-views",
                f"{path}: runs on {info.views} views of an image, which need several matrices; use"
                " form tensor",
            )
        )
    if form == "packed":
        raise UsageError(
            Message(
                "dataset-packed-any-size",
                f"{path}: accepts images of any size, whose matrices cost more than packing saves;"
                " use form tensor or coefficients",
            )
        )
