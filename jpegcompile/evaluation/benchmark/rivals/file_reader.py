"""The reader of a rival for all files that are timed: damaged ones, and those of other formats."""

from __future__ import annotations

from collections.abc import Callable

from jpegcompile.errors import ImageError, JpegCompileError, one_line
from jpegcompile.evaluation.benchmark.rivals.registry import PILLOW_AS_WRITTEN, RIVALS
from jpegcompile.evaluation.benchmark.rivals.target import Target, Values
from jpegcompile.evaluation.pillow import END_OF_IMAGE
from jpegcompile.jpeg.header import is_jpeg
from jpegcompile.jpeg.pixel_fallback import Fallback


class FileReader:
    """Reads files by a rival and, with the pixel fallback, by Pillow what the rival cannot read.

    Several threads may use it.
    """

    def __init__(
        self, rival: str, target: Target, *, fallback: Fallback = "none", tolerant: bool = False
    ) -> None:
        """Make the readers, which imports the modules of the rival.

        Args:
            rival: its name.
            target: what is made of a file.
            fallback: "pixels" lets Pillow read what the rival cannot.
            tolerant: whether to take what there is of a damaged JPEG.
        """
        self._rival, self._tolerant = rival, tolerant
        self._own = RIVALS[rival].make(target)
        self._pillow: Callable[[bytes], Values] | None = None
        if fallback == "pixels" and rival != PILLOW_AS_WRITTEN:
            self._pillow = RIVALS[PILLOW_AS_WRITTEN].make(target)

    def read(self, file: bytes) -> tuple[Values, bool]:
        """What is made of the bytes of a file, and whether Pillow read it for the rival.

        Decoders raise whatever their code comes to.
        """
        # As Pillow is made to take what there is of a file.
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
        """What is made of the bytes of a file.

        Raises:
            ImageError: if the file cannot be read.
        """
        try:
            return self.read(file)[0]
        except JpegCompileError:
            raise
        except Exception as error:
            raise ImageError(
                f"{self._rival} cannot read a file that other readers take: {one_line(error)};"
                " name other rivals with --rivals"
            ) from error
