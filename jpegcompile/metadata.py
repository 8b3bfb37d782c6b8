"""What a compiled file says of itself, in the metadata of the ONNX model.

One JSON object under one key: format version, tool version, source, inputs and preprocessing, and
for every jpeg-domain tensor its block size and the spatial tensor of the source that it represents.
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
from jpegcompile.network_input import NetworkInput
from jpegcompile.own_preprocessing import OwnPreprocessing
from jpegcompile.preprocessing.preprocess import Preprocess
from jpegcompile.preprocessing.reading import preprocess_of

# The record stands under the name of the operator domain. Format 2 added the frequencies,
# format 3 the domain, format 4 the input mode "jpeg", format 5 what native kernels are chosen for,
# format 6 images without a batch, format 7 the frame of the files apart from the network's input,
# format 8 the precision, format 9 the size that the network was trained at, and preprocessing of
# images of any size, format 10 scaled decoding, and nodes of the source whose work the ingest does,
# format 11 several views of an image.
FORMAT_VERSION = 11
_SINCE_FRAME = 7


@dataclass(frozen=True)
class CompiledInfo:
    """The metadata of a compiled model.

    Attributes:
        format_version: of this record; an older tool refuses a newer one.
        tool_version: of the jpegcompile that wrote it.
        source_sha256: of the source model's file.
        target: "ort", "onnx" or "triton".
        input_mode: "coefficients", "jpeg" or "tensor".
        input: the image input of the source model.
        frame: that files must have to be fed as they are; None for tensors.
        ingest_output: tensor where the network begins; None for tensors.
        preprocess: as in `Preprocess.to_json`, or None.
        tensors: jpeg-domain tensor -> [block size, source tensor].
        report: what `inspect` shows.
        frequencies: the frequency plan, None where every operator is exact.
        domain: that was asked for, "jpeg" or "auto".
        lean: whether native kernels were chosen that take little memory. This and the next are
            None with target "onnx", where there are none, and in files older than format 5.
        batch: images at a time that they were chosen for.
        precision: that the model is computed in.
        trained_size: (height, width) that the network was trained at, where it runs at another;
            None where that is the size of `input`.
        own_preprocessing: nodes of the source whose work the ingest does; None where all are in the
            network.
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
        """Whether the source, which is compared with the model, resizes images itself.

        At another resolution it is compared behind its own preprocessing, which is of the trained
        size.
        """
        return self.own_preprocessing is not None and self.trained_size is None

    @property
    def subsampling(self) -> str | None:
        """Name of the subsampling of `frame`; None for tensors."""
        return None if self.frame is None else subsampling_of(self.frame)

    @property
    def views(self) -> int:
        """Views of an image that the network sees; its outputs are averaged over them."""
        preprocessing = self.preprocessing
        return 1 if preprocessing is None else preprocessing.geometry.view_count

    @cached_property
    def preprocessing(self) -> Preprocess | None:
        """The parsed `preprocess`; None if the file carries none."""
        return None if self.preprocess is None else preprocess_of(self.preprocess)

    @property
    def averages_views(self) -> bool:
        """Whether the file itself makes several views and averages; of others runtimes do."""
        makes_image = self.input_mode == "jpeg" or self.input.decoder != "float"
        return self.views > 1 and makes_image and self.input_mode != "tensor"

    @property
    def ingest_block(self) -> int:
        """Block size of the tensor where the network begins, 1 for pixels."""
        # A tensor that became an inner one of a fused operator is not in the list.
        found = self.tensors.get(self.ingest_output or "")
        return block_size(*self.input.size) if found is None else int(found[0])

    def to_json(self) -> dict[str, Any]:
        """JSON-ready data."""
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
    except ValueError as error:
        raise UnsupportedModelError(
            f"{name}: its jpegcompile metadata is damaged; compile the model again"
        ) from error
    return info_of(data, name)


def info_of(data: Any, name: str) -> CompiledInfo:
    """The record that `CompiledInfo.to_json` gave, of this version or an older one.

    Raises:
        UnsupportedModelError: if the record is newer than this tool, or damaged.
    """
    try:
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
        return _info_of(_with_frame(data) if version < _SINCE_FRAME else data)
    except (KeyError, TypeError, ValueError, AttributeError, UsageError) as error:
        raise UnsupportedModelError(
            f"{name}: its jpegcompile metadata is damaged; compile the model again"
        ) from error


def _info_of(data: Mapping[str, Any]) -> CompiledInfo:
    frame, trained = data["frame"], data.get("trained_size")
    own = data.get("own_preprocessing")
    if not isinstance(data["preprocess"], dict | None):
        raise TypeError("preprocess is no object")
    info = CompiledInfo(
        **{
            **data,
            "input": NetworkInput.from_json(data["input"]),
            "frame": None if frame is None else Frame.from_json(frame),
            "trained_size": None if trained is None else _size_of(trained),
            "own_preprocessing": None if own is None else OwnPreprocessing.from_json(own),
        }
    )
    # Damage in it is found here, where the file is known.
    _ = info.preprocessing
    return info


def _size_of(data: Any) -> tuple[int, int]:
    height, width = map(int, data)
    return height, width


def _with_frame(data: Mapping[str, Any]) -> dict[str, Any]:
    """A record of formats 1 to 6, in which the input was the frame as well, as one of format 7.

    What the ingest did beyond the preprocessing stood apart.
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
