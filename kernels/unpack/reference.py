"""Reference of unpacking: the inverse of `pack`, whose module describes the format."""

from __future__ import annotations

from jpegcompile.jpeg.packed import unpack_blocks

__all__ = ["unpack_blocks"]
