"""Read descriptions of preprocessing: presets, JSON, and formats of other libraries."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from jpegcompile.errors import UsageError
from jpegcompile.files import parse_json, read_json
from jpegcompile.messages import Message
from jpegcompile.preprocessing.fields import GEOMETRY_FIELDS, geometry_of, require_known
from jpegcompile.preprocessing.preprocess import Decoder, Preprocess, checked_fields
from jpegcompile.preprocessing.presets import PRESETS
from jpegcompile.preprocessing.timm_config import is_timm, of_timm
from jpegcompile.preprocessing.torchvision_transforms import is_transforms, of_transforms
from jpegcompile.preprocessing.torchvision_weights import PREFIX, of_weights
from jpegcompile.preprocessing.transformers_config import is_transformers, of_transformers

_NUMBERS = {"scale", "mean", "std", "color", "decoder"}
FIELDS = _NUMBERS | GEOMETRY_FIELDS | {"preset"}


def preprocess_of(spec: object) -> Preprocess:
    """Return the preprocessing for a description.

    Args:
        spec: one of these:
            - a `Preprocess`;
            - the name of a preset, or of weights of torchvision such as
              "torchvision:resnet50.IMAGENET1K_V2";
            - JSON as a path, text or mapping, with the fields of `docs/preprocessing.md`, or as
              timm or transformers write it;
            - `weights.transforms()` of torchvision, or a Compose.

    Raises:
        UsageError: if the name is unknown, or a field is missing, unknown or out of range.
        AccessError: if the file cannot be read.
    """
    if isinstance(spec, Preprocess):
        return spec
    if isinstance(spec, Mapping):
        return _from_mapping(spec, "preprocessing")
    if isinstance(spec, str):
        return _from_text(spec)
    if isinstance(spec, os.PathLike):
        return _from_file(Path(spec))
    if is_transforms(spec):
        try:
            return of_transforms(spec)
        except UsageError as error:
            raise UsageError(Message(error.code, f"preprocessing: {error}")) from error
    raise UsageError(
        Message(
            "preprocess-type-unknown",
            f"preprocessing is a {type(spec).__name__}; give a name, a path, a mapping or"
            " transforms of torchvision",
        )
    )


def _from_text(spec: str) -> Preprocess:
    if spec in PRESETS:
        return PRESETS[spec]
    if spec.startswith(PREFIX):
        return of_weights(spec)
    if spec.lstrip().startswith("{"):
        return _from_json(parse_json(spec, "preprocessing"), "preprocessing")
    path = Path(spec)
    if not spec or (not path.exists() and path.suffix != ".json"):
        raise UsageError(
            Message(
                "preprocess-unknown",
                f"unknown preprocessing '{spec}'; use one of {', '.join(PRESETS)},"
                f" {PREFIX}NETWORK.WEIGHTS or a JSON file",
            )
        )
    return _from_file(path)


def _from_file(path: Path) -> Preprocess:
    return _from_json(read_json(path, "preprocessing"), str(path))


def with_decoder(spec: object, decoder: Decoder | None) -> Preprocess:
    """Return preprocessing with another decoder.

    Args:
        spec: as for `preprocess_of`.
        decoder: "float" or "libjpeg-turbo"; None keeps the decoder of `spec`.

    Raises:
        UsageError, AccessError: as `preprocess_of`, or if the decoder is unknown.
    """
    preprocess = preprocess_of(spec)
    return preprocess if decoder is None else replace(preprocess, decoder=decoder)


def _from_json(data: Any, where: str) -> Preprocess:
    if not isinstance(data, dict):
        raise UsageError(
            Message(
                "preprocess-not-an-object",
                f"{where}: is not a JSON object; docs/preprocessing.md lists its fields",
            )
        )
    return _from_mapping(data, where)


def _preset(name: Any) -> Preprocess:
    if isinstance(name, str) and name.startswith(PREFIX):
        return of_weights(name)
    if not isinstance(name, str) or name not in PRESETS:
        raise UsageError(
            Message("preset-unknown", f"preset is {name!r}; use one of {', '.join(PRESETS)}")
        )
    return PRESETS[name]


def _from_mapping(data: Mapping[str, Any], where: str) -> Preprocess:
    try:
        if is_transformers(data):
            return of_transformers(data)
        if is_timm(data):
            return of_timm(data)
        if "model_type" in data or "architectures" in data:
            raise UsageError(
                Message(
                    "preprocess-model-config",
                    "this is the config.json of a model, which does not describe preprocessing;"
                    " give the preprocessor_config.json in the same folder",
                )
            )
        require_known(data, FIELDS)
        base = _preset(data.get("preset", "none"))
        geometry = geometry_of(data, base.geometry)
    except UsageError as error:
        raise UsageError(Message(error.code, f"{where}: {error}")) from error
    given = {name: value for name, value in data.items() if name in _NUMBERS}
    numbers = checked_fields({**vars(base), **given}, where)
    return Preprocess(**numbers, geometry=geometry)
