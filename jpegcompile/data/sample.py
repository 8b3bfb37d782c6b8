"""One image of a dataset."""

from __future__ import annotations

from dataclasses import dataclass

from jpegcompile.jpeg.read import ImageSource
from jpegcompile.messages import Message

# The label that `torch.nn.functional.cross_entropy` ignores by default.
NO_LABEL = -100


@dataclass(frozen=True)
class Sample:
    """An image that has not been read yet.

    Attributes:
        key: path of the file, or key of the sample in its shard.
        name: name of the image in messages.
        source: path of the file, or its bytes; None if there is a `problem`.
        label: index of the class; `NO_LABEL` if there is none.
        problem: why the image is unusable, if that is known before reading.
        is_access: whether the problem is one of the environment, an AccessError.
        identity: what random changes of the image depend on: the index of a file in its list, so
            that a list may move to another folder, or the key of a sample in its shard.
    """

    key: str
    name: str
    source: ImageSource | None
    label: int = NO_LABEL
    problem: Message | None = None
    is_access: bool = False
    identity: str = ""
