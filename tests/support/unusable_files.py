"""Files of real data sets that no network takes, and what a reason says of each."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path

from PIL import Image
from support.coefficient_files import random_file
from support.commands import few_images
from support.images import make_jpeg

from jpegcompile.digits import images_path

SIDE = 32


def whole() -> bytes:
    """An image that the demo's network takes."""
    return (images_path() / "3" / "07.jpg").read_bytes()


def converted(format: str) -> bytes:
    """The same pixels in another format."""
    stream = io.BytesIO()
    Image.open(io.BytesIO(whole())).save(stream, format)
    return stream.getvalue()


def content(data: Callable[[], bytes]) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(data())


def sampled(*factors: tuple[int, int]) -> Callable[[Path], object]:
    """A file of such sampling factors, whose coefficients are read but define no pixels here."""
    return content(lambda: random_file(factors, SIDE, SIDE))


# How each is made, and what its reason holds. Those at the end are read with tolerance.
KINDS: dict[str, tuple[Callable[[Path], object], str]] = {
    "cmyk": (content(lambda: make_jpeg(SIDE, SIDE, "CMYK")), "4 components"),
    "png": (content(lambda: converted("PNG")), "PNG"),
    "gif": (content(lambda: converted("GIF")), "GIF"),
    "text": (content(lambda: b"<html>404 Not Found</html>\n"), "HTML"),
    "noise": (content(lambda: bytes(range(7, 256))), "not a JPEG"),
    "appledouble": (content(lambda: b"\0\5\x16\7\0\2\0\0Mac OS X" + bytes(90)), "not a JPEG"),
    "zero": (content(lambda: b""), "empty"),
    "start": (content(lambda: whole()[:2]), ""),
    "header": (content(lambda: whole()[:200]), ""),
    "large": (content(lambda: make_jpeg(2 * SIDE, SIDE)), "is 64x32 but the model takes 32x32"),
    "turned": (content(lambda: make_jpeg(SIDE - 1, SIDE)), "is 31x32"),
    "folder": (Path.mkdir, "is a directory"),
    "dangling": (lambda path: path.symlink_to("nowhere"), "No such file"),
    "circle": (lambda path: path.symlink_to(path.name), "symbolic links"),
    "pipe": (os.mkfifo, "is not a regular file"),
    "chroma": (sampled((2, 2), (1, 1), (2, 1)), "Cb and Cr are sampled differently"),
    "fraction": (sampled((3, 1), (2, 1), (2, 1)), "subsampled by a fraction"),
    "cut": (content(lambda: whole()[:-45]), "damaged"),
}
DAMAGED = ("cut",)


def name_of(kind: str) -> str:
    """A name as such files have it."""
    return "._x.jpg" if kind == "appledouble" else f"x-{kind}.jpg"


def spoiled(folder: Path, kinds: tuple[str, ...] = tuple(KINDS)) -> dict[str, Path]:
    """Four images of each class of the demo with one bad file of each kind among them."""
    few_images(folder)
    paths = {}
    for index, kind in enumerate(kinds):
        paths[kind] = folder / str(index % 10) / name_of(kind)
        KINDS[kind][0](paths[kind])
    return paths
