"""Read image files, some of which may be unusable.

`on_error` says what happens to an unusable file. "stop" raises the error of the first one. "skip"
and "report" skip the file and record its name and the reason. After "report", a command ends with
an error (`require_complete`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence, Sized
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar, get_args

from jpegcompile.errors import AccessError, ImageError, UsageError
from jpegcompile.jpeg.coefficients import Coefficients
from jpegcompile.jpeg.packed_image import PackedImage
from jpegcompile.jpeg.pixel_fallback import PixelFallback
from jpegcompile.jpeg.pixel_image import PixelImage, ReadImage
from jpegcompile.jpeg.read import ImageSource, read_coefficients_many, source_name
from jpegcompile.messages import Message

OnError = Literal["stop", "skip", "report"]
ON_ERROR: tuple[OnError, ...] = get_args(OnError)

# Files that `ImageReader.each` reads at a time.
_AT_ONCE = 32

# Raises an ImageError if an image is unusable. The message begins with the second argument, a name.
Check = Callable[[ReadImage, str], None]
Result = TypeVar("Result")


@dataclass(frozen=True)
class Skipped:
    """An unusable file that was skipped.

    Attributes:
        file: path as given or found; "bytes (image 3)" for the bytes at index 3.
        reason: what is wrong and what to do, as a `Message`.
    """

    file: str
    reason: str

    def __str__(self) -> str:
        """File and reason on one line."""
        return f"{source_name([self.file], 0)}: {self.reason}"


@dataclass(frozen=True)
class Reading:
    """A usable file.

    Attributes:
        index: index among all sources.
        image: coefficients of the file, or its pixels after the pixel fallback.
        is_whole: whether the file is undamaged.
    """

    index: int
    image: ReadImage
    is_whole: bool


class ImageReader:
    """Reads files and handles unusable ones as `on_error` says.

    Attributes:
        on_error: "stop", "skip" or "report".
        tolerant: whether to use the readable part of damaged files.
    """

    def __init__(
        self,
        check: Check,
        on_error: OnError = "stop",
        *,
        tolerant: bool = False,
        threads: int | None = None,
        fallback: PixelFallback | None = None,
    ) -> None:
        """Create a reader for a network.

        Args:
            check: raises an ImageError for images that the network does not accept.
            on_error: "stop", "skip" or "report".
            tolerant: as for `read_coefficients`.
            threads: as for `read_coefficients_many`.
            fallback: decodes files without readable coefficients. None makes them unusable.

        Raises:
            UsageError: if `on_error` is not one of these.
        """
        if on_error not in ON_ERROR:
            raise UsageError(
                Message(
                    "reader-on-error-unknown",
                    f"on_error is {on_error!r}; use one of {', '.join(ON_ERROR)}",
                )
            )
        self.on_error: OnError = on_error
        self.tolerant = tolerant
        self._check = check
        self._threads = threads
        self._fallback = fallback
        self._skipped: dict[int, Skipped] = {}
        self._by_pixels: set[int] = set()

    @property
    def skipped(self) -> tuple[Skipped, ...]:
        """Files skipped so far, in the order of the sources."""
        return tuple(self._skipped[index] for index in sorted(self._skipped))

    @property
    def pixel_fallbacks(self) -> int:
        """Number of usable files so far that went through the pixel fallback."""
        return len(self._by_pixels - self._skipped.keys())

    @contextmanager
    def guarding(self, source: ImageSource, index: int, name: str | None = None) -> Iterator[None]:
        """Handle errors of one source within a `with` block, as `on_error` says.

        Args:
            source: the source that the block works on.
            index: index of the source among all sources.
            name: name of the source in messages. Default: the name of a single source.

        Raises:
            ImageError, AccessError: the error of the block, if `on_error` is "stop". The message
                begins with the name of the source.
        """
        try:
            yield
        except (ImageError, AccessError) as error:
            # The block names the source as if it were the only one.
            text = str(error).removeprefix(f"{source_name([source], 0)}: ")
            if self.on_error == "stop":
                message = Message(error.code, f"{name or source_name([source], 0)}: {text}")
                if message == str(error):
                    raise
                raise type(error)(message) from error
            file = f"bytes (image {index})"
            if isinstance(source, PackedImage):
                file = source.name
            elif isinstance(source, str | os.PathLike):
                file = os.fspath(source)
            self._skipped[index] = Skipped(file, Message(error.code, text))

    def read(self, sources: Sequence[ImageSource], first: int = 0) -> list[Reading]:
        """Read sources and return the usable ones, in their order.

        Args:
            sources: paths and bytes.
            first: index of `sources[0]` among all sources.

        Raises:
            ImageError, AccessError: of the first unusable source, if `on_error` is "stop".
        """
        found: list[Reading] = []
        images = self._at_once(sources)
        for place, source in enumerate(sources):
            name = source_name(sources, place, first)
            with self.guarding(source, first + place, name):
                try:
                    image, is_whole = (images[place], True) if images else self._alone(source)
                    self._check(image, source_name([source], 0))
                    reading = Reading(first + place, image, is_whole)
                except ImageError as error:
                    reading = Reading(
                        first + place, self.instead(source, first + place, error), True
                    )
                found.append(reading)
        return found

    def instead(self, source: ImageSource, index: int, error: ImageError) -> PixelImage:
        """Decode the pixels of a file without usable coefficients; call this within `guarding`.

        Args:
            source: path or bytes of the file.
            index: index of the source among all sources.
            error: why the coefficients are unusable. Its message names the source as if it were
                the only source.

        Raises:
            ImageError: `error` if the reader has no fallback, an error of the fallback, or an error
                if the network does not accept the pixels.
        """
        if self._fallback is None:
            raise error
        image = self._fallback.instead(source, error)
        self._check(image, source_name([source], 0))
        self._by_pixels.add(index)
        return image

    def each(self, files: Sequence[Path], work: Callable[[Path, Reading], Result]) -> list[Result]:
        """Call `work` for each usable file, reading a few files at a time.

        A file for which `work` raises ImageError or AccessError is unusable, too.

        Args:
            files: paths.
            work: called with the path and the reading of a file.

        Returns:
            The results of `work` for the usable files.

        Raises:
            ImageError, AccessError: as `read`, and if no file is usable.
        """
        results: list[Result] = []
        for start in range(0, len(files), _AT_ONCE):
            for item in self.read(files[start : start + _AT_ONCE], start):
                with self.guarding(files[item.index], item.index):
                    results.append(work(files[item.index], item))
        self.require_some(results)
        return results

    def require_some(self, used: Sized) -> None:
        """Raise an error if every file was skipped.

        Args:
            used: the usable files, or results for them.

        Raises:
            ImageError: if `used` is empty and a file was skipped.
        """
        if self._skipped and not used:
            count, first = len(self._skipped), self.skipped[0]
            text = f"none of {count} files is usable; the first is {first}"
            if count == 1:
                text = f"the only file is unusable: {first}"
            raise ImageError(Message("no-file-usable", text))

    def _at_once(self, sources: Sequence[ImageSource]) -> list[Coefficients] | None:
        """Read all sources together; None if one fails, so that `_alone` must read each source."""
        try:
            return read_coefficients_many(sources, threads=self._threads)
        except (ImageError, AccessError):
            return None

    def _alone(self, source: ImageSource) -> tuple[Coefficients, bool]:
        try:
            return read_coefficients_many([source], threads=1)[0], True
        except ImageError:
            if not self.tolerant:
                raise
        return read_coefficients_many([source], threads=1, tolerant=True)[0], False


def require_complete(skipped: Sequence[Skipped]) -> None:
    """Raise an error if files were skipped; call this after the work on all others.

    Raises:
        ImageError: if `skipped` is not empty.
    """
    if skipped:
        count = "1 file was" if len(skipped) == 1 else f"{len(skipped)} files were"
        raise ImageError(Message("files-unusable", f"{count} unusable; the first is {skipped[0]}"))
