"""Read the `preprocessor_config.json` of an image classifier of Hugging Face.

The steps are the steps of transformers' image processors: resize, center crop, rescale, normalize.
The resize uses Pillow's filters. Processors that work on tensors differ from Pillow only by
rounding, except for Lanczos: torch has no Lanczos filter for tensors, so these processors warn and
use bicubic.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from jpegcompile.errors import UsageError
from jpegcompile.messages import Message
from jpegcompile.preprocessing.fields import boolean, crop_pct, number, require_known
from jpegcompile.preprocessing.geometry import Geometry
from jpegcompile.preprocessing.preprocess import Preprocess, checked_fields
from jpegcompile.preprocessing.steps import Crop, Filter, Interpolation, Resize, Size

# PIL.Image.Resampling.
_RESAMPLE: tuple[Interpolation, ...] = get_args(
    Literal["nearest", "lanczos", "bilinear", "bicubic", "box", "hamming"]
)
_TYPES = ("image_processor_type", "feature_extractor_type")
_USED = {
    *("do_resize", "size", "resample", "do_center_crop", "crop_size", "crop_pct", "do_rescale"),
    *("rescale_factor", "rescale_offset", "do_normalize", "image_mean", "image_std"),
    *("include_top", "do_flip_channel_order", "do_pad"),
}
# Fields without effect on pixels: names, layouts and labels.
_OTHERS = {
    *(*_TYPES, "processor_class", "do_convert_rgb", "data_format", "input_data_format"),
    *("return_tensors", "device", "default_to_square", "do_reduce_labels", "reduce_labels"),
    *("_valid_processor_keys", "num_channels", "disable_grouping", "num_labels", "id2label"),
}


@dataclass(frozen=True)
class _Processor:
    """Behavior of a processor class that its file does not state.

    Attributes:
        number_is: meaning of one number for "size": a square, the short side, or ConvNext's rule.
        crops: whether the processor has a center crop.
        required: fields that the file must have.
        options: optional steps that the processor supports; other processors ignore these fields.
    """

    number_is: Literal["square", "short", "convnext"]
    crops: bool
    required: tuple[str, ...] = ("do_normalize",)
    options: tuple[str, ...] = ()


_PROCESSORS: Mapping[str, _Processor] = {
    "ViT": _Processor("square", False),
    "DeiT": _Processor("square", True),
    "Beit": _Processor("square", True),
    "Siglip": _Processor("square", False),
    "Pvt": _Processor("square", False),
    "CLIP": _Processor("short", True),
    "Bit": _Processor("short", True),
    "MobileNetV1": _Processor("short", True),
    "MobileNetV2": _Processor("short", True),
    "MobileViT": _Processor("short", True, ("do_flip_channel_order",), ("do_flip_channel_order",)),
    "EfficientNet": _Processor(
        "square", True, ("do_normalize", "include_top"), ("include_top", "rescale_offset")
    ),
    "ConvNext": _Processor("convnext", False),
}
_OPTIONS = sorted({name for processor in _PROCESSORS.values() for name in processor.options})


def is_transformers(data: Mapping[str, Any]) -> bool:
    """Whether a JSON object is written by transformers."""
    return any(name in data for name in (*_TYPES, "do_normalize", "do_resize", "image_mean"))


def of_transformers(data: Mapping[str, Any]) -> Preprocess:
    """Return the preprocessing that the JSON of transformers describes.

    Args:
        data: an object for which `is_transformers` holds.

    Raises:
        UsageError: if a field is missing, unknown or has an unsupported value.
    """
    given = {name: value for name, value in data.items() if value is not None}
    processor = _processor_of(given)
    require_known(given, _USED | _OTHERS)
    if boolean(given.get("do_pad", False), "do_pad"):
        raise UsageError(
            Message(
                "transformers-do-pad",
                "do_pad is true, which is not supported; describe the preprocessing by resize and"
                " crop",
            )
        )
    for name in _OPTIONS:
        if name not in processor.options and boolean(given.get(name, False), name):
            raise UsageError(
                Message(
                    "transformers-option-ignored",
                    f"{name} is true, which this processor ignores; set it to false",
                )
            )
    for name in processor.required:
        _required(given, name)
    resize, crop = None, None
    if boolean(_required(given, "do_resize"), "do_resize"):
        resize, crop = _resize_of(given, processor)
    if processor.crops and boolean(_required(given, "do_center_crop"), "do_center_crop"):
        crop = Crop(rounding="down", size=_square(_required(given, "crop_size"), "crop_size"))
    elif given.get("do_center_crop"):
        raise UsageError(
            Message(
                "transformers-crop-ignored",
                "do_center_crop is true, but this processor never crops; set it to false",
            )
        )
    is_bgr = boolean(given.get("do_flip_channel_order", False), "do_flip_channel_order")
    color = "BGR" if is_bgr else None
    return Preprocess(**_numbers(given) | {"color": color}, geometry=Geometry(resize, crop))


def _processor_of(data: Mapping[str, Any]) -> _Processor:
    named = next((data[name] for name in _TYPES if name in data), None)
    kind = re.sub(r"(ImageProcessor(Fast|Pil)?|FeatureExtractor)$", "", str(named))
    if kind not in _PROCESSORS:
        found = "is missing" if named is None else f"is {named}"
        raise UsageError(
            Message(
                "transformers-processor-unknown",
                f"image_processor_type {found}; use a processor of"
                f" {', '.join(sorted(_PROCESSORS))}, or describe the preprocessing by resize, crop,"
                " scale, mean and std",
            )
        )
    return _PROCESSORS[kind]


def _required(data: Mapping[str, Any], name: str) -> Any:
    if name not in data:
        raise UsageError(
            Message(
                "transformers-field-missing",
                f"{name} is missing, and its default depends on the version of transformers; add"
                " it",
            )
        )
    return data[name]


def _resize_of(data: Mapping[str, Any], processor: _Processor) -> tuple[Resize, Crop | None]:
    code = _required(data, "resample")
    if isinstance(code, bool) or not isinstance(code, int) or not 0 <= code < len(_RESAMPLE):
        raise UsageError(
            Message(
                "transformers-resample-unknown",
                f"resample is {code!r}; give a number of PIL.Image.Resampling, 0 to 5",
            )
        )
    chosen, size = Filter(_RESAMPLE[code]), _required(data, "size")
    is_edge = isinstance(size, Mapping) and set(size) == {"shortest_edge"}
    if processor.number_is == "convnext":
        edge = _side(size["shortest_edge"] if is_edge else size, "size.shortest_edge")
        if edge >= 384:
            return Resize("exact", (edge, edge), filter=chosen), None
        ratio = crop_pct(_required(data, "crop_pct"), "crop_pct")
        short = Resize("short", math.floor(edge / ratio), filter=chosen)
        return short, Crop(rounding="down", size=(edge, edge))
    if is_edge:
        return Resize("short", _side(size["shortest_edge"], "size.shortest_edge"), 1, chosen), None
    if processor.number_is == "short" and not isinstance(size, Mapping):
        return Resize("short", _side(size, "size"), 1, chosen), None
    return Resize("exact", _square(size, "size"), 1, chosen), None


def _square(value: Any, path: str) -> Size:
    """Return the (height, width) of one number, or of an object with both."""
    if not isinstance(value, Mapping):
        side = _side(value, path)
        return side, side
    if set(value) != {"height", "width"}:
        raise UsageError(
            Message(
                "transformers-size-fields",
                f"{path} has {', '.join(sorted(map(str, value)))}; use height and width, or"
                " shortest_edge if the processor supports it",
            )
        )
    return _side(value["height"], f"{path}.height"), _side(value["width"], f"{path}.width")


def _side(value: Any, path: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise UsageError(
            Message(
                "transformers-size-not-whole",
                f"{path} is {value!r}; give a whole number of pixels",
            )
        )
    return value


def _numbers(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return scale, mean and std."""
    scale, offset = 1.0, 0.0
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    if boolean(data.get("do_rescale", True), "do_rescale"):
        scale = number(data.get("rescale_factor", 1 / 255), "rescale_factor")
        offset = float(boolean(data.get("rescale_offset", False), "rescale_offset"))
    if boolean(data.get("do_normalize", False), "do_normalize"):
        mean, std = _normalization(data)
    mean = tuple(value + offset for value in mean)
    if boolean(data.get("include_top", False), "include_top"):
        # EfficientNet divides by image_std a second time.
        std = tuple((np.asarray(std) * _normalization(data)[1]).tolist())
    return {"scale": scale, "mean": mean, "std": std}


def _normalization(data: Mapping[str, Any]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return image_mean and image_std."""
    named = {"mean": _required(data, "image_mean"), "std": _required(data, "image_std")}
    checked = checked_fields(named, "image_mean and image_std")
    return checked["mean"], checked["std"]
