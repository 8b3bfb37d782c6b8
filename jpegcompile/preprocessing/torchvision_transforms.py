"""Preprocessing of torchvision: `weights.transforms()`, or a Compose of its transforms.

Nothing is imported from torchvision: transforms are known by their names and attributes. A resize
that stands before ToTensor is one of a PIL image, and Pillow's; after it, one of a tensor.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from jpegcompile.errors import UsageError
from jpegcompile.preprocessing.fields import boolean
from jpegcompile.preprocessing.geometry import Geometry
from jpegcompile.preprocessing.preprocess import Preprocess, checked_fields
from jpegcompile.preprocessing.steps import INTERPOLATIONS, Crop, Filter, Resize

_PRESET = ("crop_size", "resize_size", "mean", "std", "interpolation", "antialias")
# What takes images that are no tensors.
_TO_TENSOR = {"ToTensor", "MaybeToTensor", "PILToTensor", "ToImage"}
# What has been found so far: "resize", "crop", "views", "is_tensor", "scale", "mean", "std",
# "color".
_Found = dict[str, Any]


def is_transforms(value: object) -> bool:
    """Whether a value is a preset of weights, or a Compose."""
    return all(hasattr(value, name) for name in _PRESET) or hasattr(value, "transforms")


def of_transforms(transforms: Any) -> Preprocess:
    """The preprocessing that the transforms do.

    Raises:
        UsageError: naming the transform or the argument that is not understood.
    """
    found: _Found = {"scale": 1.0}
    if not hasattr(transforms, "transforms"):
        # It takes images as well as tensors, for which alone the choice is made.
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
                    f"transforms[{place}] is {name}; known are {', '.join(_READERS)}, others are"
                    " described by resize, crop, scale, mean and std"
                )
            try:
                _READERS[name](transform, found)
            except UsageError as error:
                raise UsageError(f"transforms[{place}] ({name}): {error}") from error
    geometry = Geometry(found.get("resize"), found.get("crop"), views=found.get("views", "one"))
    numbers = {name: found[name] for name in ("scale", "mean", "std", "color") if name in found}
    return Preprocess(**numbers, geometry=geometry)


class _Named:
    """A transform whose attributes have other names there."""

    def __init__(self, transform: Any, **names: str) -> None:
        self._transform, self._names = transform, names

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transform, self._names.get(name, name))


def _resize(transform: Any, found: _Found) -> None:
    _in_order(found, "resize", "crop", "mean")
    if getattr(transform, "max_size", None) is not None:
        raise UsageError(f"max_size is {transform.max_size}, which is not supported; leave it out")
    named = getattr(transform.interpolation, "value", transform.interpolation)
    antialias = boolean(transform.antialias, "antialias")
    library: Literal["torchvision", "pillow"]
    library = "torchvision" if found["is_tensor"] else "pillow"
    if named not in INTERPOLATIONS[library]:
        raise UsageError(
            f"interpolation is {named!r}; of {library}, use {', '.join(INTERPOLATIONS[library])}"
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
        raise UsageError("vertical_flip is True, which turns images over; only False is supported")
    _crop(transform, found)
    found["views"] = "ten"


def _sizes(value: Any, path: str) -> list[int]:
    """One or two sizes in pixels."""
    values = list(value) if isinstance(value, list | tuple) else [value]
    if len(values) not in (1, 2) or not all(type(side) is int for side in values):
        raise UsageError(f"{path} is {value!r}; give whole pixels, one number or two")
    return values


def _to_unit(transform: Any, found: _Found) -> None:
    """From 0..255 to 0..1; once they are, pixels stay so."""
    _in_order(found, "mean")
    found["is_tensor"], found["scale"] = True, 1 / 255


def _to_tensor(transform: Any, found: _Found) -> None:
    found["is_tensor"] = True


def _to_dtype(transform: Any, found: _Found) -> None:
    dtype = str(transform.dtype)
    if dtype not in ("torch.float32", "torch.float16", "torch.bfloat16"):
        raise UsageError(f"dtype is {dtype}; use torch.float32")
    if getattr(transform, "scale", True):
        _to_unit(transform, found)


def _normalize(transform: Any, found: _Found) -> None:
    _in_order(found, "mean")
    values = {name: _plain(getattr(transform, name)) for name in ("mean", "std")}
    checked = checked_fields(values, "mean and std")
    found["mean"], found["std"] = checked["mean"], checked["std"]


def _plain(values: Any) -> Any:
    """Numbers of a list, a tuple, an array or a tensor."""
    return values.tolist() if hasattr(values, "tolist") else values


def _grayscale(transform: Any, found: _Found) -> None:
    _in_order(found, "mean")
    if transform.num_output_channels != 1:
        raise UsageError(
            f"num_output_channels is {transform.num_output_channels}, which repeats luma; only 1"
            " is supported"
        )
    found["color"] = "L"


def _in_order(found: _Found, *names: str) -> None:
    """Refuse what comes after its turn, or twice."""
    for name in names:
        if name in found:
            done = {"mean": "Normalize", "crop": "a crop", "resize": "Resize"}[name]
            raise UsageError(f"it stands behind {done}; use each once, in the usual order")


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
