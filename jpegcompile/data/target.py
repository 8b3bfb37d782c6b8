"""What batches are for: the image input of a compiled model, or pixels of a size."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

from jpegcompile.errors import UnsupportedModelError, UsageError
from jpegcompile.gpu.folder import is_module_folder, read_manifest
from jpegcompile.metadata import CompiledInfo, info_of
from jpegcompile.network_input import Layout, NetworkInput
from jpegcompile.preprocessing.preprocess import Preprocess
from jpegcompile.preprocessing.presets import for_network
from jpegcompile.preprocessing.reading import preprocess_of
from jpegcompile.preprocessing.steps import Size
from jpegcompile.runtime.image_runner import ImageRunner
from jpegcompile.runtime.input_tensors import preprocess_in
from jpegcompile.runtime.opening import read_compiled

Form = Literal["tensor", "pixels", "coefficients", "packed"]
FORMS: tuple[Form, ...] = get_args(Form)

Model = str | os.PathLike[str] | ImageRunner
Description = str | os.PathLike[str] | Mapping[str, Any] | Preprocess


@dataclass(frozen=True)
class Target:
    """What batches hold.

    Attributes:
        form: "tensor" is what the network of a compiled model begins with, for
            `Session.run_image`; "pixels" is the input of the original model; "coefficients" are the
            inputs of the compiled model, for images of any size with matrices for each; "packed" is
            the packed form of coefficients of one size.
        taken: what the network takes of an image, in the layout of the tensors.
        block: block size of the tensors; 1 for pixels.
        info: of the compiled model; None where there is none.
    """

    form: Form
    taken: NetworkInput
    block: int
    info: CompiledInfo | None = None

    @property
    def is_coefficients(self) -> bool:
        """Whether batches hold coefficients."""
        return self.form in ("coefficients", "packed")


def target_of(
    model: Model | None,
    form: Form | None,
    preprocess: Description | None,
    size: Size | None,
    layout: Layout | None,
) -> Target:
    """What batches are to hold; the arguments are those of `ImageDataset`.

    Raises:
        UsageError: if the arguments do not fit together or do not fit the model.
        AccessError, UnsupportedModelError: if the model cannot be read.
    """
    for name, given, known in (("form", form, FORMS), ("layout", layout, get_args(Layout))):
        if given is not None and given not in known:
            raise UsageError(f"{name} is {given!r}; use one of {', '.join(known)}")
    if model is None:
        return _of_pixels(form, preprocess, size, layout)
    if preprocess is not None or size is not None:
        raise UsageError("a compiled model says how images come to it; leave out what else does")
    info, path = _info_of(model)
    form = form or "tensor"
    if form in ("coefficients", "packed"):
        _require_coefficients(info, path, form)
    if form in ("coefficients", "packed") or (form == "tensor" and info.input_mode != "tensor"):
        if layout not in (None, "NCHW"):
            raise UsageError(f"{path}: takes its {form} as NCHW; leave layout out")
        return Target(form, replace(info.input, layout="NCHW"), info.ingest_block, info)
    taken = info.input.normalized(preprocess_in(info, path))
    return Target(form, replace(taken, layout=layout or taken.layout), 1, info)


def _of_pixels(
    form: Form | None,
    preprocess: Description | None,
    size: Size | None,
    layout: Layout | None,
) -> Target:
    if form not in (None, "pixels"):
        raise UsageError(f"form {form} is for a compiled model; give one, or form pixels")
    if preprocess is None or size is None:
        raise UsageError(
            "give the compiled model that batches are for; or preprocess and size, for pixels"
        )
    is_pair = isinstance(size, list | tuple) and len(size) == 2
    if not is_pair or not all(type(side) is int and side > 0 for side in size):
        raise UsageError(f"size is {size!r}; give (height, width) in pixels")
    described = for_network(preprocess_of(preprocess), size)
    channels = 1 if described.color == "L" else 3
    taken = NetworkInput("image", channels, *size, layout or "NCHW").normalized(described)
    return Target("pixels", taken, 1)


def _info_of(model: Model) -> tuple[CompiledInfo, str]:
    if isinstance(model, ImageRunner):
        return model.info, model.path
    path = os.fspath(model)
    if is_module_folder(path):
        return info_of(read_manifest(Path(path))["info"], path), path
    info = read_compiled(path)[1]
    if info is None:
        raise UnsupportedModelError(
            f"{path}: was not written by jpegcompile; give a compiled model here"
        )
    return info, path


def _require_coefficients(info: CompiledInfo, path: str, form: Form) -> None:
    if info.frame is None:
        raise UsageError(f"{path}: takes tensors, and no coefficients; use form tensor")
    if not info.input.is_preprocessed:
        return
    if info.input.decoder != "float":
        raise UsageError(
            f"{path}: decodes to integers, which is no product of matrices; use form tensor"
        )
    if info.views > 1:
        raise UsageError(
            f"{path}: sees {info.views} views of an image, each by matrices of its own; use form"
            " tensor"
        )
    if form == "packed":
        raise UsageError(
            f"{path}: takes images of any size, whose matrices are larger than what packing saves;"
            " use form tensor, or coefficients"
        )
