"""What a compiled file says of itself, in the metadata of the ONNX model.

One JSON object under one key: format version, tool version, source, inputs and preprocessing, and
for every jpeg-domain tensor its block size and the spatial tensor of the source that it represents.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import onnx

from jpegcompile.errors import UnsupportedModelError
from jpegcompile.interface import DOMAIN

# The record stands under the name of the operator domain. Format 2 added the frequencies,
# format 3 the domain, format 4 the input mode "jpeg", format 5 what native kernels are chosen for,
# format 6 images without a batch.
FORMAT_VERSION = 6


@dataclass(frozen=True)
class InputInfo:
    """The image input of the source model, and what stands in its place.

    Attributes:
        mode: "coefficients", "jpeg" or "tensor".
        name, channels, height, width, layout: of the source model's input.
        has_batch: whether that input has a batch; without one it is one image [C,H,W] or [H,W,C],
            and `layout` is that of a batch of one.
        subsampling: that the file is written for; None for tensors.
        ingest_output: tensor where the network begins; None for tensors.
    """

    mode: str
    name: str
    channels: int
    height: int
    width: int
    layout: str
    subsampling: str | None = None
    ingest_output: str | None = None
    has_batch: bool = True

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of one image as the source model takes it, in its layout."""
        plane = (self.height, self.width)
        return (*plane, self.channels) if self.layout == "NHWC" else (self.channels, *plane)


@dataclass(frozen=True)
class CompiledInfo:
    """The metadata of a compiled model.

    Attributes:
        format_version: of this record; an older tool refuses a newer one.
        tool_version: of the jpegcompile that wrote it.
        source_sha256: of the source model's file.
        target: "ort" or "onnx".
        input: the image input.
        preprocess: as in `Preprocess.to_json`, or None.
        input_affine: [scale, shift] per channel of normalisation that was inside the graph.
        tensors: jpeg-domain tensor -> [block size, source tensor].
        report: what `inspect` shows.
        frequencies: the frequency plan, None where every operator is exact.
        domain: that was asked for, "jpeg" or "auto".
        lean: whether native kernels were chosen that take little memory. This and the next are
            None with target "onnx", where there are none, and in files older than format 5.
        batch: images at a time that they were chosen for.
    """

    format_version: int
    tool_version: str
    source_sha256: str
    target: str
    input: InputInfo
    preprocess: dict[str, Any] | None
    input_affine: list[list[float]] | None
    tensors: dict[str, list[Any]]
    report: dict[str, Any]
    frequencies: dict[str, Any] | None = None
    domain: str = "jpeg"
    lean: bool | None = None
    batch: int | None = None

    def to_json(self) -> dict[str, Any]:
        """JSON-ready data."""
        return asdict(self)


def write_metadata(model: onnx.ModelProto, info: CompiledInfo, kept: Mapping[str, str]) -> None:
    """Store the record, and the source model's own metadata beside it."""
    del model.metadata_props[:]
    for key, value in kept.items():
        model.metadata_props.add(key=key, value=value)
    text = json.dumps(info.to_json(), separators=(",", ":"), sort_keys=True)
    model.metadata_props.add(key=DOMAIN, value=text)


def read_metadata(model: onnx.ModelProto, name: str) -> CompiledInfo | None:
    """The record of a compiled model; None if jpegcompile did not write the model.

    Raises:
        UnsupportedModelError: if the record is newer than this tool, or damaged.
    """
    text = next((p.value for p in model.metadata_props if p.key == DOMAIN), None)
    if text is None:
        return None
    try:
        data = json.loads(text)
        version = int(data["format_version"])
    except (ValueError, KeyError, TypeError) as error:
        raise UnsupportedModelError(
            f"{name}: its jpegcompile metadata is damaged; compile the model again"
        ) from error
    if version > FORMAT_VERSION:
        raise UnsupportedModelError(
            f"{name}: written in format {version} by jpegcompile {data.get('tool_version')};"
            f" this version reads up to format {FORMAT_VERSION}: upgrade jpegcompile"
        )
    try:
        return CompiledInfo(**{**data, "input": InputInfo(**data["input"])})
    except (KeyError, TypeError) as error:
        raise UnsupportedModelError(
            f"{name}: its jpegcompile metadata is damaged; compile the model again"
        ) from error
