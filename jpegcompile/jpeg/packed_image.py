"""One image with packed coefficients, which functions accept in place of a JPEG file.

`packed_image.h` describes the record. A cache of a data set contains such records, and workers send
them to each other: they are smaller than pixels, and need no entropy decoding.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeAlias

from jpegcompile.errors import ImageError
from jpegcompile.jpeg.frame import ColorSpace, Frame
from jpegcompile.messages import Message

Buffer: TypeAlias = bytes | memoryview

# In the order of their numbers in records.
SPACES: Final[tuple[ColorSpace, ...]] = ("gray", "ycbcr", "rgb")
# Height, width, components, color space, orientation, progressive, three sampling factors, padding.
HEADER: Final = struct.Struct("<HHBBBB3sB")
# Index of the quantization table, bytes of the stream.
COMPONENT: Final = struct.Struct("<II")
# Bytes of a quantization table.
TABLE: Final = 128


@dataclass(frozen=True, eq=False)
class PackedImage:
    """One image with packed coefficients.

    Native code checks every length of a record, so records may come from damaged files.

    Attributes:
        record: bytes in the format that `packed_image.h` describes.
        tables: quantization tables that the record refers to, uint16 [tables, 8, 8] as bytes.
        name: name of the image in messages.
    """

    record: Buffer
    tables: Buffer
    name: str

    @property
    def frame(self) -> Frame:
        """Size, sampling, color space and orientation of the image.

        Raises:
            ImageError: if the header is damaged.
        """
        try:
            return frame_of(bytes(self.record[: HEADER.size]))
        except (struct.error, IndexError, ValueError) as error:
            raise ImageError(
                Message(
                    "packed-header-damaged",
                    f"{self.name}: the header of the packed image is damaged; build the cache"
                    " again",
                )
            ) from error


@lru_cache(65536)
def frame_of(header: bytes) -> Frame:
    """Return the frame of a record.

    Args:
        header: first bytes of the record.

    Raises:
        struct.error, IndexError, ValueError: if the header is damaged.
    """
    height, width, count, space, orientation, _, factors, _ = HEADER.unpack(header)
    sampling = tuple((one >> 4, one & 15) for one in factors[:count])
    is_known = count in (1, 3) and (count == 1) == (space == 0) and 1 <= orientation <= 8
    if not is_known or not all(1 <= factor <= 4 for pair in sampling for factor in pair):
        raise ValueError("a value is out of range")
    if not height or not width:
        raise ValueError("the image is empty")
    return Frame(height, width, sampling, SPACES[space], orientation)


def with_tables(record: bytes, indices: tuple[int, ...]) -> bytes:
    """Return a record with other indices of quantization tables.

    Args:
        record: a record.
        indices: index for each component.
    """
    made = bytearray(record)
    for component, index in enumerate(indices):
        struct.pack_into("<I", made, HEADER.size + component * COMPONENT.size, index)
    return bytes(made)
