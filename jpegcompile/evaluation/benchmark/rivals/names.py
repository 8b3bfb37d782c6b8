"""Names of the preprocessing filters in other libraries, or of the most similar filters."""

from __future__ import annotations

from collections.abc import Mapping

from jpegcompile.preprocessing.steps import Interpolation

PILLOW: Mapping[Interpolation, str] = {
    "nearest": "NEAREST",
    "nearest-exact": "NEAREST",
    "box": "BOX",
    "bilinear": "BILINEAR",
    "hamming": "HAMMING",
    "bicubic": "BICUBIC",
    "lanczos": "LANCZOS",
    "area": "BOX",
    "area-enlarging": "BILINEAR",
    "dct": "BILINEAR",
    "bilinear-inside": "BILINEAR",
    "bicubic-inside": "BICUBIC",
    "catmull-rom": "BICUBIC",
    "catmull-rom-inside": "BICUBIC",
}
OPENCV: Mapping[Interpolation, str] = {
    "nearest": "INTER_NEAREST",
    "nearest-exact": "INTER_NEAREST",
    "box": "INTER_AREA",
    "bilinear": "INTER_LINEAR",
    "hamming": "INTER_LINEAR",
    "bicubic": "INTER_CUBIC",
    "lanczos": "INTER_LANCZOS4",
    "area": "INTER_AREA",
    "area-enlarging": "INTER_AREA",
    "dct": "INTER_AREA",
    "bilinear-inside": "INTER_LINEAR",
    "bicubic-inside": "INTER_CUBIC",
    "catmull-rom": "INTER_CUBIC",
    "catmull-rom-inside": "INTER_CUBIC",
}
TORCHVISION: Mapping[Interpolation, str] = {
    "nearest": "NEAREST",
    "nearest-exact": "NEAREST_EXACT",
    "box": "BILINEAR",
    "bilinear": "BILINEAR",
    "hamming": "BILINEAR",
    "bicubic": "BICUBIC",
    "lanczos": "BICUBIC",
    "area": "BILINEAR",
    "area-enlarging": "BILINEAR",
    "dct": "BILINEAR",
    "bilinear-inside": "BILINEAR",
    "bicubic-inside": "BICUBIC",
    "catmull-rom": "BICUBIC",
    "catmull-rom-inside": "BICUBIC",
}
