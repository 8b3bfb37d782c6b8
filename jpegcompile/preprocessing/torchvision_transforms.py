"""Read preprocessing of torchvision: `weights.transforms()`, or a Compose of transforms.

This module does not import torchvision; it recognizes transforms by their names and attributes. A
resize before ToTensor acts on a PIL image, so it uses Pillow's filters. A resize after ToTensor
acts on a tensor, so it uses torchvision's filters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from jpegcompile.errors import UsageError
from jpegcompile.messages import Message
from jpegcompile.preprocessing.fields import boolean
from jpegcompile.preprocessing.geometry import Geometry
from jpegcompile.preprocessing.preprocess import Preprocess, checked_fields
from jpegcompile.preprocessing.steps import INTERPOLATIONS, Crop, Filter, Resize

_PRESET = ("crop_size", "resize_size", "mean", "std", "interpolation", "antialias")
# Transforms that convert images to tensors.
_TO_TENSOR = {"ToTensor", "MaybeToTensor", "PILToTensor", "ToImage"}
# Results so far, by key: "resize", "crop", "views", "is_tensor", "scale", "mean", "std", "color".
_Found = dict[str, Any]


def is_transforms(value: object) -> bool:
    """Whether a value is the transforms of weights, or a Compose."""
    return all(hasattr(value, name) for name in _PRESET) or hasattr(value, "transforms")


def of_transforms(transforms: Any) -> Preprocess:
    """Return the preprocessing of transforms.

    Args:
        transforms: a value for which `is_transforms` holds.

    Raises:
        UsageError: if a transform or an argument is not supported; the message names it.
    """
    found: _Found = {"scale": 1.0}
    if not hasattr(transforms, "transforms"):
        # The transforms accept images and tensors, but antialias affects only tensors.
        found["is_tensor"] = not boolean(transforms.antialias, "antialias")
        _resize(_Named(transforms, size="resize_size"), found)
        _crop(_Named(transforms, size="crop_size"), found)
        _to_unit(transforms, found)
        _normalize(transforms, found)
    else:
        names = [type(transform).__name__ for transform in transforms.transforms]
        found["is_tensor"] = not _TO_TENSOR & set(names)
        for place, (name, transform) in enumerate(zip(names, transforms.transforms, strict=True)):
            if name not in _READERS:
                raise UsageError(
                    Message(
                        "transform-unknown",
                        f"transforms[{place}] is {name}; use {', '.join(_READERS)}, or describe"
                        " the preprocessing by resize, crop, scale, mean and std",
                    )
                )
            try:
                _READERS[name](transform, found)
            except UsageError as error:
                message = Message(error.code, f"transforms[{place}] ({name}): {error}")
                raise UsageError(message) from error
    geometry = Geometry(found.get("resize"), found.get("crop"), views=found.get("views", "one"))
    numbers = {name: found[name] for name in ("scale", "mean", "std", "color") if name in found}
    return Preprocess(**numbers, geometry=geometry)


class _Named:
    """A transform under other attribute names."""

    def __init__(self, transform: Any, **names: str) -> None:
        self._transform, self._names = transform, names

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transform, self._names.get(name, name))


def _resize(transform: Any, found: _Found) -> None:
    _in_order(found, "resize", "crop", "mean")
    if getattr(transform, "max_size", None) is not None:
        raise UsageError(
            Message(
                "transform-max-size",
                f"max_size is {transform.max_size}, which is not supported; leave it out",
            )
        )
    named = getattr(transform.interpolation, "value", transform.interpolation)
    antialias = boolean(transform.antialias, "antialias")
    library: Literal["torchvision", "pillow"]
    library = "torchvision" if found["is_tensor"] else "pillow"
    if named not in INTERPOLATIONS[library]:
        raise UsageError(
            Message(
                "transform-interpolation-unknown",
                f"interpolation is {named!r}; for {library} use"
                f" {', '.join(INTERPOLATIONS[library])}",
            )
        )
    chosen = Filter(named, library, antialias or library == "pillow")
    sizes = _sizes(transform.size, "size")
    if len(sizes) == 1:
        found["resize"] = Resize("short", sizes[0], filter=chosen)
    else:
        found["resize"] = Resize("exact", (sizes[0], sizes[1]), filter=chosen)


def _crop(transform: Any, found: _Found) -> None:
    _in_order(found, "crop")
    sizes = _sizes(transform.size, "size")
    found["crop"] = Crop(size=(sizes[0], sizes[-1]))


def _five_crop(transform: Any, found: _Found) -> None:
    _crop(transform, found)
    found["views"] = "five"


def _ten_crop(transform: Any, found: _Found) -> None:
    if boolean(transform.vertical_flip, "vertical_flip"):
        raise UsageError(
            Message(
                "transform-vertical-flip",
                "vertical_flip is True, which is not supported; set it to False",
            )
        )
    _crop(transform, found)
    found["views"] = "ten"


def _sizes(value: Any, path: str) -> list[int]:
    """Return one or two sizes in pixels."""
    values = list(value) if isinstance(value, list | tuple) else [value]
    if len(values) not in (1, 2) or not all(type(side) is int for side in values):
        raise UsageError(
            Message(
                "transform-size-invalid",
                f"{path} is {value!r}; give one or two whole numbers of pixels",
            )
        )
    return values


def _to_unit(transform: Any, found: _Found) -> None:
    """Scale pixels from 0..255 to 0..1; a second such transform changes nothing."""
    _in_order(found, "mean")
    found["is_tensor"], found["scale"] = True, 1 / 255


def _to_tensor(transform: Any, found: _Found) -> None:
    found["is_tensor"] = True


def _to_dtype(transform: Any, found: _Found) -> None:
    dtype = str(transform.dtype)
    if dtype not in ("torch.float32", "torch.float16", "torch.bfloat16"):
        raise UsageError(
            Message("transform-dtype-unsupported", f"dtype is {dtype}; use torch.float32")
        )
    if getattr(transform, "scale", True):
        _to_unit(transform, found)


def _normalize(transform: Any, found: _Found) -> None:
    _in_order(found, "mean")
    values = {name: _plain(getattr(transform, name)) for name in ("mean", "std")}
    checked = checked_fields(values, "mean and std")
    found["mean"], found["std"] = checked["mean"], checked["std"]


def _plain(values: Any) -> Any:
    """Return an array or tensor as a list; other values unchanged."""
    return values.tolist() if hasattr(values, "tolist") else values


def _grayscale(transform: Any, found: _Found) -> None:
    _in_order(found, "mean")
    if transform.num_output_channels != 1:
        raise UsageError(
            Message(
                "transform-grayscale-channels",
                f"num_output_channels is {transform.num_output_channels}, which repeats luma; set"
                " it to 1",
            )
        )
    found["color"] = "L"


def _in_order(found: _Found, *names: str) -> None:
    """Raise an error if a transform comes after one of `names`, or twice."""
    for name in names:
        if name in found:
            done = {"mean": "Normalize", "crop": "a crop", "resize": "Resize"}[name]
            raise UsageError(
                Message(
                    "transform-order-unsupported",
                    f"it follows {done}; use each transform once, in the usual order",
                )
            )


_READERS: Mapping[str, Callable[[Any, _Found], None]] = {
    "Resize": _resize,
    "CenterCrop": _crop,
    "FiveCrop": _five_crop,
    "TenCrop": _ten_crop,
    "Grayscale": _grayscale,
    "ToTensor": _to_unit,
    "MaybeToTensor": _to_unit,
    "ToImage": _to_tensor,
    "PILToTensor": _to_tensor,
    "ConvertImageDtype": _to_dtype,
    "ToDtype": _to_dtype,
    "Normalize": _normalize,
}
