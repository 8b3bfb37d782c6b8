"""Augmentations as short texts: "cifar", "imagenet,brightness=0.4" or "flip,crop=4,cutout=8".

A text is a list of items with commas between them. An item is a preset, or a name with numbers:
"flip=0.5", "resized-crop=0.35:1", "cutout=8:0.5". A later item replaces an earlier one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from jpegcompile.data.augmentation.record import DEFAULT_RATIO, DEFAULT_SCALE, Augmentation
from jpegcompile.errors import UsageError
from jpegcompile.messages import Message

Fields = dict[str, Any]

# Common augmentations by name.
PRESETS: Mapping[str, Augmentation] = {
    "none": Augmentation(),
    "cifar": Augmentation(flip=0.5, crop=4),
    "imagenet": Augmentation(flip=0.5, scale=DEFAULT_SCALE),
}


def augmentation_of(given: Augmentation | str | Mapping[str, Any]) -> Augmentation:
    """Return an augmentation from a record, its text or its JSON data.

    Raises:
        UsageError: if the augmentation is unknown or out of range, or contradicts itself.
    """
    if isinstance(given, Augmentation):
        return given
    if isinstance(given, Mapping):
        return Augmentation.from_json(given)
    made: Fields = {}
    for item in given.split(","):
        made |= _fields_of(item.strip())
    return Augmentation(**made)


def _fields_of(item: str) -> Fields:
    """Return the fields that an item sets."""
    name, equals, text = item.partition("=")
    if not equals and name in PRESETS:
        preset, plain = vars(PRESETS[name]), vars(Augmentation())
        return {field: value for field, value in preset.items() if value != plain[field]}
    if name not in _ITEMS:
        raise UsageError(
            Message(
                "augmentation-item-unknown",
                f"augmentation has an item {item!r}; use {', '.join((*PRESETS, *_ITEMS))}",
            )
        )
    read, counts, form = _ITEMS[name]
    numbers = [_number(part) for part in text.split(":")] if equals else []
    if len(numbers) not in counts or None in numbers:
        raise UsageError(
            Message(
                "augmentation-item-malformed", f"augmentation has an item {item!r}; write {form}"
            )
        )
    return read(numbers)


def _number(text: str) -> float | int | None:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return None


def _plain(field: str) -> Callable[[list[Any]], Fields]:
    return lambda numbers: {field: numbers[0]}


def _flip(numbers: list[Any]) -> Fields:
    return {"flip": numbers[0] if numbers else 0.5}


def _resized_crop(numbers: list[Any]) -> Fields:
    return {
        "scale": tuple(numbers[:2]) or DEFAULT_SCALE,
        "ratio": tuple(numbers[2:]) or DEFAULT_RATIO,
    }


def _cutout(numbers: list[Any]) -> Fields:
    return {"cutout": numbers[0], "cutout_probability": numbers[1] if len(numbers) > 1 else 1.0}


# By name: the fields of an item from its numbers, how many numbers it may have, and its form.
_ITEMS: Mapping[str, tuple[Callable[[list[Any]], Fields], tuple[int, ...], str]] = {
    "flip": (_flip, (0, 1), "flip or flip=PROBABILITY"),
    "crop": (_plain("crop"), (1,), "crop=PIXELS"),
    "resized-crop": (
        _resized_crop,
        (0, 2, 4),
        "resized-crop, resized-crop=SMALLEST:LARGEST, or both areas and both ratios with colons",
    ),
    "brightness": (_plain("brightness"), (1,), "brightness=NUMBER"),
    "contrast": (_plain("contrast"), (1,), "contrast=NUMBER"),
    "saturation": (_plain("saturation"), (1,), "saturation=NUMBER"),
    "hue": (_plain("hue"), (1,), "hue=NUMBER"),
    "cutout": (_cutout, (1, 2), "cutout=PIXELS or cutout=PIXELS:PROBABILITY"),
    "aligned": (lambda _: {"aligned": True}, (0,), "aligned"),
}
