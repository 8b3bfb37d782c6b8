"""A rival's reader for all files of a benchmark, including damaged files and other formats."""

from __future__ import annotations

from collections.abc import Callable

from jpegcompile.errors import ImageError, JpegCompileError, one_line
from jpegcompile.evaluation.benchmark.rivals.registry import PILLOW_AS_WRITTEN, RIVALS
from jpegcompile.evaluation.benchmark.rivals.target import Target, Values
from jpegcompile.evaluation.pillow import END_OF_IMAGE
from jpegcompile.jpeg.header import is_jpeg
from jpegcompile.jpeg.pixel_fallback import Fallback
from jpegcompile.messages import Message


class FileReader:
    """Reads files with a rival. With the pixel fallback, Pillow reads files the rival cannot read.

    Several threads may use a reader.
    """

    def __init__(
        self, rival: str, target: Target, *, fallback: Fallback = "none", tolerant: bool = False
    ) -> None:
        """Create the readers. This imports the modules of the rival.

        Args:
            rival: name of the rival.
            target: network input to compute from a file.
            fallback: "pixels" lets Pillow read files that the rival cannot read.
            tolerant: whether to use the readable part of damaged JPEG files.
        """
        self._rival, self._tolerant = rival, tolerant
        self._own = RIVALS[rival].make(target)
        self._pillow: Callable[[bytes], Values] | None = None
        if fallback == "pixels" and rival != PILLOW_AS_WRITTEN:
            self._pillow = RIVALS[PILLOW_AS_WRITTEN].make(target)

    def read(self, file: bytes) -> tuple[Values, bool]:
        """Return the network input of a file, and whether Pillow read it for the rival.

        Decoders may raise any exception.
        """
        # The end marker makes decoders accept a truncated file; Pillow gets the same bytes.
        given = file + END_OF_IMAGE if self._tolerant and is_jpeg(file) else file
        try:
            return self._own(given), False
        except JpegCompileError:
            raise
        except Exception:
            if self._pillow is None:
                raise
            return self._pillow(given), True

    def __call__(self, file: bytes) -> Values:
        """Return the network input of a file.

        Raises:
            ImageError: if the file cannot be read.
        """
        try:
            return self.read(file)[0]
        except JpegCompileError:
            raise
        except Exception as error:
            text = (
                f"{self._rival} cannot read a file that other readers can: {one_line(error)}; name"
                " other rivals with --rivals"
            )
            raise ImageError(Message("rival-cannot-read", text)) from error
