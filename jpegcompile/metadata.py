"""The metadata of a compiled file, stored in the metadata of the ONNX model.

The metadata is one JSON object under one key. It contains the format version, tool version, source,
inputs and preprocessing. For every tensor in the JPEG domain it contains the block size and the
corresponding spatial tensor of the source model.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

import numpy as np
import onnx

from jpegcompile.dct.blocks import block_size
from jpegcompile.errors import UnsupportedModelError, UsageError
from jpegcompile.interface import DOMAIN
from jpegcompile.jpeg.frame import Frame
from jpegcompile.jpeg.subsampling import frame_of, subsampling_of
from jpegcompile.messages import Message
from jpegcompile.network_input import NetworkInput
from jpegcompile.own_preprocessing import OwnPreprocessing
from jpegcompile.preprocessing.preprocess import Preprocess
from jpegcompile.preprocessing.reading import preprocess_of

# The key of the record is the operator domain. Additions by format:
# 2: frequencies. 3: domain. 4: input mode "jpeg". 5: purpose of the native kernels (lean, batch).
# 6: images without a batch. 7: a frame of files, separate from the network's input. 8: precision.
# 9: trained size, and images of any size. 10: scaled decoding, and nodes that the ingest replaces.
# 11: several views of an image.
FORMAT_VERSION = 11
_SINCE_FRAME = 7


@dataclass(frozen=True)
class CompiledInfo:
    """The metadata of a compiled model.

    Attributes:
        format_version: version of the record's format. Older versions of jpegcompile refuse newer
            formats.
        tool_version: version of the jpegcompile that wrote the record.
        source_sha256: SHA-256 of the file that was compiled: the source model, or a compiled model
            that was compiled again.
        target: "ort", "onnx" or "triton".
        input_mode: "coefficients", "jpeg" or "tensor".
        input: image input of the source model.
        frame: frame of the files that the model accepts unchanged; None for tensors.
        ingest_output: name of the tensor after the ingest; None for tensors.
        preprocess: data of `Preprocess.to_json`, or None.
        tensors: for each tensor in the JPEG domain, [block size, source tensor].
        report: data that `inspect` shows.
        frequencies: frequency plan; None if every operator is exact.
        domain: `--domain` of the compilation, "jpeg" or "auto".
        lean: whether native kernels with small memory were chosen. None for target "onnx", which
            has no native kernels, and in formats before 5.
        batch: batch size for which native kernels were chosen; None as for `lean`.
        precision: precision of the model's computation.
        trained_size: (height, width) that the network was trained at; None if it is the size of
            `input`.
        own_preprocessing: nodes of the source model that the ingest replaces; None if there are
            none.
    """

    format_version: int
    tool_version: str
    source_sha256: str
    target: str
    input_mode: str
    input: NetworkInput
    frame: Frame | None
    ingest_output: str | None
    preprocess: dict[str, Any] | None
    tensors: dict[str, list[Any]]
    report: dict[str, Any]
    frequencies: dict[str, Any] | None = None
    domain: str = "jpeg"
    lean: bool | None = None
    batch: int | None = None
    precision: str = "float32"
    trained_size: tuple[int, int] | None = None
    own_preprocessing: OwnPreprocessing | None = None

    @property
    def feeds_whole_images(self) -> bool:
        """Whether a comparison feeds whole images to the original model, which resizes them.

        At another resolution, the comparison starts after the original model's preprocessing,
        because that preprocessing is for the trained size.
        """
        return self.own_preprocessing is not None and self.trained_size is None

    @property
    def subsampling(self) -> str | None:
        """Name of the subsampling of `frame`; None for tensors."""
        return None if self.frame is None else subsampling_of(self.frame)

    @property
    def views(self) -> int:
        """Number of views of each image, over which outputs are averaged."""
        preprocessing = self.preprocessing
        return 1 if preprocessing is None else preprocessing.geometry.view_count

    @cached_property
    def preprocessing(self) -> Preprocess | None:
        """The parsed `preprocess`; None if the file contains none."""
        return None if self.preprocess is None else preprocess_of(self.preprocess)

    @property
    def averages_views(self) -> bool:
        """Whether the model, instead of the runtime, computes and averages several views."""
        makes_image = self.input_mode == "jpeg" or self.input.decoder != "float"
        return self.views > 1 and makes_image and self.input_mode != "tensor"

    @property
    def ingest_block(self) -> int:
        """Block size of the tensor after the ingest; 1 for pixels."""
        # `tensors` does not contain a tensor that became internal to a fused operator.
        found = self.tensors.get(self.ingest_output or "")
        return block_size(*self.input.size) if found is None else int(found[0])

    def to_json(self) -> dict[str, Any]:
        """Return JSON-ready data for `info_of`."""
        frame = None if self.frame is None else self.frame.to_json()
        trained = None if self.trained_size is None else list(self.trained_size)
        own = None if self.own_preprocessing is None else self.own_preprocessing.to_json()
        changed = {
            "input": self.input.to_json(),
            "frame": frame,
            "trained_size": trained,
            "own_preprocessing": own,
        }
        own_fields = {field.name: getattr(self, field.name) for field in fields(self)}
        return {**own_fields, **changed}


def write_metadata(model: onnx.ModelProto, info: CompiledInfo, kept: Mapping[str, str]) -> None:
    """Replace the metadata of a model.

    Args:
        model: the compiled model; changed in place.
        info: the record.
        kept: metadata of the source model to keep.
    """
    del model.metadata_props[:]
    for key, value in kept.items():
        model.metadata_props.add(key=key, value=value)
    text = json.dumps(info.to_json(), separators=(",", ":"), sort_keys=True)
    model.metadata_props.add(key=DOMAIN, value=text)


def read_metadata(model: onnx.ModelProto, name: str) -> CompiledInfo | None:
    """Read the record of a model.

    Args:
        model: the model.
        name: name of the model in messages.

    Returns:
        The record; None if the model is not a compiled model.

    Raises:
        UnsupportedModelError: if the record is newer than this version, or damaged.
    """
    text = next((p.value for p in model.metadata_props if p.key == DOMAIN), None)
    if text is None:
        return None
    try:
        data = json.loads(text)
    except ValueError as error:
        raise _damaged(name) from error
    return info_of(data, name)


def info_of(data: Any, name: str) -> CompiledInfo:
    """Create a record from the data of `CompiledInfo.to_json`, of this or an older version.

    Args:
        data: the data.
        name: name of the model in messages.

    Raises:
        UnsupportedModelError: if the record is newer than this version, or damaged.
    """
    try:
        version = int(data["format_version"])
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(name) from error
    if version > FORMAT_VERSION:
        raise UnsupportedModelError(
            Message(
                "metadata-newer",
                f"{name}: has format {version} of jpegcompile {data.get('tool_version')}, but this"
                f" version reads formats up to {FORMAT_VERSION}; upgrade jpegcompile",
            )
        )
    try:
        return _info_of(_with_frame(data) if version < _SINCE_FRAME else data)
    except (KeyError, TypeError, ValueError, AttributeError, UsageError) as error:
        raise _damaged(name) from error


def _damaged(name: str) -> UnsupportedModelError:
    return UnsupportedModelError(
        Message(
            "metadata-damaged",
            f"{name}: its jpegcompile metadata is damaged; compile the model again",
        )
    )


def _info_of(data: Mapping[str, Any]) -> CompiledInfo:
    frame, trained = data["frame"], data.get("trained_size")
    own = data.get("own_preprocessing")
    if not isinstance(data["preprocess"], dict | None):
        raise TypeError("preprocess is not an object")
    info = CompiledInfo(
        **{
            **data,
            "input": NetworkInput.from_json(data["input"]),
            "frame": None if frame is None else Frame.from_json(frame),
            "trained_size": None if trained is None else _size_of(trained),
            "own_preprocessing": None if own is None else OwnPreprocessing.from_json(own),
        }
    )
    # Parse the preprocessing now, so that an error names the file.
    _ = info.preprocessing
    return info


def _size_of(data: Any) -> tuple[int, int]:
    height, width = map(int, data)
    return height, width


def _with_frame(data: Mapping[str, Any]) -> dict[str, Any]:
    """Convert a record of formats 1 to 6 to format 7.

    In the old formats, the input also described the frame, and "input_affine" contained the
    normalization that the ingest applies in addition to the preprocessing.
    """
    rest = dict(data)
    old, absorbed = dict(rest.pop("input")), rest.pop("input_affine")
    mode, subsampling, ingest_output = (
        old.pop(name, None) for name in ("mode", "subsampling", "ingest_output")
    )
    taken, frame = NetworkInput(**old), None
    if mode != "tensor":
        taken = taken.normalized(preprocess_of(rest["preprocess"]))
        frame = frame_of(subsampling, *taken.size).to_json()
    if absorbed is not None:
        _, affine = taken.from_pixels
        taken = replace(taken, affine=affine.then(*map(np.asarray, absorbed)))
    return {
        **rest,
        "input_mode": mode,
        "input": taken.to_json(),
        "frame": frame,
        "ingest_output": ingest_output,
    }
