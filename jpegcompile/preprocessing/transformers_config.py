"""Preprocessing of Hugging Face: the `preprocessor_config.json` of an image classifier.

The steps are those of transformers' image processors: resize, center crop, rescale, normalize.
Resizing is Pillow's, from which the processors that work on tensors differ by rounding alone, but
for Lanczos: torch has none for tensors, and these processors warn and resize by bicubic.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from jpegcompile.errors import UsageError
from jpegcompile.preprocessing.fields import boolean, number, require_known
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
# Nothing that comes to pixels of a photograph: names, layouts and labels.
_OTHERS = {
    *(*_TYPES, "processor_class", "do_convert_rgb", "data_format", "input_data_format"),
    *("return_tensors", "device", "default_to_square", "do_reduce_labels", "reduce_labels"),
    *("_valid_processor_keys", "num_channels", "disable_grouping", "num_labels", "id2label"),
}


@dataclass(frozen=True)
class _Processor:
    """What a class of transformers does beside its file.

    Attributes:
        number_is: what one number for "size" means: a square, the short side, or ConvNext's rule.
        crops: whether there is a center crop.
        required: what the file must say.
        options: steps that it alone has; others leave them out, whatever the file says.
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
    """Whether an object of JSON is one of transformers'."""
    return any(name in data for name in (*_TYPES, "do_normalize", "do_resize", "image_mean"))


def of_transformers(data: Mapping[str, Any]) -> Preprocess:
    """The preprocessing of such an object.

    Raises:
        UsageError: naming the field that is missing, unknown or means something else here.
    """
    given = {name: value for name, value in data.items() if value is not None}
    processor = _processor_of(given)
    require_known(given, _USED | _OTHERS)
    if boolean(given.get("do_pad", False), "do_pad"):
        raise UsageError("do_pad is true, which is not supported; describe it by resize and crop")
    for name in _OPTIONS:
        if name not in processor.options and boolean(given.get(name, False), name):
            raise UsageError(f"{name} is true, which this processor ignores; set it to false")
    for name in processor.required:
        _required(given, name)
    resize, crop = None, None
    if boolean(_required(given, "do_resize"), "do_resize"):
        resize, crop = _resize_of(given, processor)
    if processor.crops and boolean(_required(given, "do_center_crop"), "do_center_crop"):
        crop = Crop(rounding="down", size=_square(_required(given, "crop_size"), "crop_size"))
    elif given.get("do_center_crop"):
        raise UsageError("do_center_crop is true, but this processor never crops; set it to false")
    is_bgr = boolean(given.get("do_flip_channel_order", False), "do_flip_channel_order")
    color = "BGR" if is_bgr else None
    return Preprocess(**_numbers(given) | {"color": color}, geometry=Geometry(resize, crop))


def _processor_of(data: Mapping[str, Any]) -> _Processor:
    named = next((data[name] for name in _TYPES if name in data), None)
    kind = re.sub(r"(ImageProcessor(Fast|Pil)?|FeatureExtractor)$", "", str(named))
    if kind not in _PROCESSORS:
        said = "there is no image_processor_type" if named is None else f"it is for {named}"
        raise UsageError(
            f"{said}; known are those of {', '.join(sorted(_PROCESSORS))},"
            " others are described by resize, crop, scale, mean and std"
        )
    return _PROCESSORS[kind]


def _required(data: Mapping[str, Any], name: str) -> Any:
    if name not in data:
        raise UsageError(f"{name} is missing, and versions differ in its default; write it out")
    return data[name]


def _resize_of(data: Mapping[str, Any], processor: _Processor) -> tuple[Resize, Crop | None]:
    code = _required(data, "resample")
    if isinstance(code, bool) or not isinstance(code, int) or not 0 <= code < len(_RESAMPLE):
        raise UsageError(f"resample is {code!r}; give a number of PIL.Image.Resampling, 0 to 5")
    chosen, size = Filter(_RESAMPLE[code]), _required(data, "size")
    is_edge = isinstance(size, Mapping) and set(size) == {"shortest_edge"}
    if processor.number_is == "convnext":
        edge = _side(size["shortest_edge"] if is_edge else size, "size.shortest_edge")
        if edge >= 384:
            return Resize("exact", (edge, edge), filter=chosen), None
        ratio = number(_required(data, "crop_pct"), "crop_pct")
        if not 0 < ratio <= 1:
            raise UsageError(f"crop_pct is {ratio}; give more than 0 and at most 1")
        short = Resize("short", math.floor(edge / ratio), filter=chosen)
        return short, Crop(rounding="down", size=(edge, edge))
    if is_edge:
        return Resize("short", _side(size["shortest_edge"], "size.shortest_edge"), 1, chosen), None
    if processor.number_is == "short" and not isinstance(size, Mapping):
        return Resize("short", _side(size, "size"), 1, chosen), None
    return Resize("exact", _square(size, "size"), 1, chosen), None


def _square(value: Any, path: str) -> Size:
    """(height, width) of one number, or of an object with both."""
    if not isinstance(value, Mapping):
        side = _side(value, path)
        return side, side
    if set(value) != {"height", "width"}:
        raise UsageError(
            f"{path} has {', '.join(sorted(map(str, value)))}; use height and width, or"
            " shortest_edge where the processor has it"
        )
    return _side(value["height"], f"{path}.height"), _side(value["width"], f"{path}.width")


def _side(value: Any, path: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise UsageError(f"{path} is {value!r}; give whole pixels")
    return value


def _numbers(data: Mapping[str, Any]) -> dict[str, Any]:
    """Scale, mean and std."""
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
        # EfficientNet divides by image_std once more.
        std = tuple((np.asarray(std) * _normalization(data)[1]).tolist())
    return {"scale": scale, "mean": mean, "std": std}


def _normalization(data: Mapping[str, Any]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """What is subtracted, and what divides that."""
    named = {"mean": _required(data, "image_mean"), "std": _required(data, "image_std")}
    checked = checked_fields(named, "image_mean and image_std")
    return checked["mean"], checked["std"]
