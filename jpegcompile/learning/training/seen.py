"""What became of the files: unusable ones, and those that were decoded by the pixel fallback."""

from __future__ import annotations

from dataclasses import dataclass, field

from jpegcompile.jpeg.unusable import Skipped
from jpegcompile.learning.training.feeds import Pair
from jpegcompile.messages import Message, code_of


@dataclass
class Seen:
    """Counts of the files of this process.

    Attributes:
        skipped: reasons of unusable files by name.
        pixel_fallbacks: number of images that went through the pixel fallback in this epoch.
    """

    skipped: dict[str, str] = field(default_factory=dict)
    pixel_fallbacks: int = 0

    def __call__(self, pair: Pair) -> None:
        """Add a batch."""
        for one in pair.student.skipped:
            self.skipped.setdefault(one.file, one.reason)
        self.pixel_fallbacks += pair.student.pixel_fallbacks

    def add(self, listed: list[list[str]]) -> None:
        """Add files in the form of `to_list`."""
        for name, code, reason in listed:
            self.skipped.setdefault(name, Message.stored(code, reason))

    def to_list(self) -> list[list[str]]:
        """Return name, code and reason of each unusable file."""
        return [[name, code_of(reason), str(reason)] for name, reason in self.skipped.items()]

    def all_skipped(self) -> tuple[Skipped, ...]:
        """Return the unusable files in the order of their names."""
        return tuple(Skipped(name, reason) for name, reason in sorted(self.skipped.items()))
