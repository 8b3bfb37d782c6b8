"""Small files of all kinds that data sets read."""

from __future__ import annotations

from pathlib import Path

from PIL import Image
from support.coefficient_files import SAMPLINGS, random_file
from support.images import make_jpeg


def turned(orientation: int) -> bytes:
    """EXIF data with an orientation."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif.tobytes()


def photographs() -> list[bytes]:
    """Files of all kinds: samplings, gray, RGB-coded, turned by EXIF; sizes of their own."""
    others = [random_file(SAMPLINGS[name], 44, 39) for name in ("4:1:1", "4:4:0", "crossed")]
    return [
        make_jpeg(50, 41, subsampling=2),
        make_jpeg(41, 66, subsampling=1),
        make_jpeg(43, 40, "L"),
        make_jpeg(40, 48, keep_rgb=True),
        make_jpeg(61, 45, exif=turned(6), subsampling=2),
        *others,
    ]


def written(folder: Path, images: list[bytes]) -> list[Path]:
    files = [folder / f"{index}.jpg" for index in range(len(images))]
    for file, data in zip(files, images, strict=True):
        file.write_bytes(data)
    return files
