"""Reading JPEG files of which some may be unusable: the one place that decides what then is done.

`stop` raises the error of the first unusable file. `skip` and `report` leave such files out, and
keep their names with the reasons; a command ends with an error after `report` (`require_complete`).
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
from jpegcompile.jpeg.pixel_fallback import PixelFallback
from jpegcompile.jpeg.pixel_image import PixelImage, ReadImage
from jpegcompile.jpeg.read import ImageSource, read_coefficients_many, source_name

OnError = Literal["stop", "skip", "report"]
ON_ERROR: tuple[OnError, ...] = get_args(OnError)

# Files that are read at once where nothing but whether they can be used is asked.
_AT_ONCE = 32

# Refuses an image by an ImageError that begins with the name, its second argument.
Check = Callable[[ReadImage, str], None]
Result = TypeVar("Result")


@dataclass(frozen=True)
class Skipped:
    """A file that could not be used.

    Attributes:
        file: path as it was given or found; of bytes their place, "bytes (image 3)".
        reason: what is wrong with it, and what to do.
    """

    file: str
    reason: str

    def __str__(self) -> str:
        """Both on one line."""
        return f"{source_name([self.file], 0)}: {self.reason}"


@dataclass(frozen=True)
class Reading:
    """A file that can be used.

    Attributes:
        index: place among all the sources.
        image: the coefficients of the file, or its pixels where the reader falls back to them.
        is_whole: whether nothing of it is damaged.
    """

    index: int
    image: ReadImage
    is_whole: bool


class ImageReader:
    """Reads files, and does with unusable ones what `on_error` says.

    Attributes:
        on_error: "stop", "skip" or "report".
        tolerant: whether to take what can be read of damaged files.
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
        """Read for a network.

        Args:
            check: refuses images that the network does not take.
            on_error: what becomes of unusable files.
            tolerant: as for `read_coefficients`.
            threads: as for `read_coefficients_many`.
            fallback: decodes files of which no coefficients are read; without it they are unusable.

        Raises:
            UsageError: if `on_error` is none of the three.
        """
        if on_error not in ON_ERROR:
            raise UsageError(f"on_error is {on_error!r}; use one of {', '.join(ON_ERROR)}")
        self.on_error: OnError = on_error
        self.tolerant = tolerant
        self._check = check
        self._threads = threads
        self._fallback = fallback
        self._skipped: dict[int, Skipped] = {}
        self._by_pixels: set[int] = set()

    @property
    def skipped(self) -> tuple[Skipped, ...]:
        """What could not be used so far, in the order of the sources."""
        return tuple(self._skipped[index] for index in sorted(self._skipped))

    @property
    def pixel_fallbacks(self) -> int:
        """How many of the files that could be used so far went through pixels."""
        return len(self._by_pixels - self._skipped.keys())

    @contextmanager
    def guarding(self, source: ImageSource, index: int, name: str | None = None) -> Iterator[None]:
        """Work on one source: an error that the source causes ends the work, or all of it.

        Args:
            source: that is worked on.
            index: of the source among all of them.
            name: that messages call the source by; as if it were the only one, if not given.

        Raises:
            ImageError, AccessError: that the work raises, if `on_error` is "stop"; the message
                begins with the source's name.
        """
        try:
            yield
        except (ImageError, AccessError) as error:
            # The work knows no other sources.
            reason = str(error).removeprefix(f"{source_name([source], 0)}: ")
            if self.on_error == "stop":
                message = f"{name or source_name([source], 0)}: {reason}"
                if message == str(error):
                    raise
                raise type(error)(message) from error
            file = f"bytes (image {index})"
            if isinstance(source, str | os.PathLike):
                file = os.fspath(source)
            self._skipped[index] = Skipped(file, reason)

    def read(self, sources: Sequence[ImageSource], first: int = 0) -> list[Reading]:
        """The sources that can be used, in their order.

        Args:
            sources: paths and bytes.
            first: index of the first of them among all sources.

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
        """The pixels of a file of which no coefficients can be used; to be called while guarding.

        Args:
            source: the file.
            index: of the source among all of them.
            error: why; it knows no other source.

        Raises:
            ImageError: `error` where the reader has no fallback, or else as the fallback raises it,
                or because the network does not take the pixels.
        """
        if self._fallback is None:
            raise error
        image = self._fallback.instead(source, error)
        self._check(image, source_name([source], 0))
        self._by_pixels.add(index)
        return image

    def each(self, files: Sequence[Path], work: Callable[[Path, Reading], Result]) -> list[Result]:
        """What `work` gives for each file that it, too, can use; a few are read at a time.

        Raises:
            ImageError, AccessError: as `read`; and if no file can be used.
        """
        results: list[Result] = []
        for start in range(0, len(files), _AT_ONCE):
            for item in self.read(files[start : start + _AT_ONCE], start):
                with self.guarding(files[item.index], item.index):
                    results.append(work(files[item.index], item))
        self.require_some(results)
        return results

    def require_some(self, used: Sized) -> None:
        """Refuse to go on with nothing.

        Raises:
            ImageError: if nothing was used, and something was skipped.
        """
        if self._skipped and not used:
            count, first = len(self._skipped), self.skipped[0]
            if count == 1:
                raise ImageError(f"the only file cannot be used: {first}")
            raise ImageError(f"none of {count} files can be used; the first is {first}")

    def _at_once(self, sources: Sequence[ImageSource]) -> list[Coefficients] | None:
        """All the sources, if all are whole; None sends each through `_alone`."""
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
    """Turn files that could not be used into an error, after the work on all others.

    Raises:
        ImageError: if there are any.
    """
    if skipped:
        count = "1 file" if len(skipped) == 1 else f"{len(skipped)} files"
        raise ImageError(f"{count} could not be used; the first is {skipped[0]}")
