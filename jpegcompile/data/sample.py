"""One image of a data set, wherever it is stored."""

from __future__ import annotations

from dataclasses import dataclass

from jpegcompile.jpeg.read import ImageSource

# What `torch.nn.functional.cross_entropy` leaves out by default.
NO_LABEL = -100


@dataclass(frozen=True)
class Sample:
    """An image that is still to be read.

    Attributes:
        key: what it is called: the path of a file, or the key of a sample in a shard.
        name: what messages call it.
        source: its file, or the bytes of one; None where `problem` says why there are none.
        label: its class, `NO_LABEL` if it has none.
        problem: why it cannot be used, where that is known before it is read.
    """

    key: str
    name: str
    source: ImageSource | None
    label: int = NO_LABEL
    problem: str | None = None
