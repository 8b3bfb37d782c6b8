"""Split images into training and validation images by their names."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from pathlib import PurePath

from jpegcompile.data.sample import Sample

# Parts at the end of a path that count as the name: the folder of the class, and the file.
_PARTS = 2


@dataclass(frozen=True)
class HeldOut:
    """Chooses the images that are held out for validation, or the other images.

    The choice of an image depends on its name and the seed only. More images in the folder do not
    change it, so no image moves between training and validation.

    Attributes:
        share: expected share of the images that are held out.
        seed: seed of the choice.
        is_chosen: True to choose the images that are held out, False for the others.
    """

    share: float
    seed: int
    is_chosen: bool

    def __call__(self, sample: Sample) -> bool:
        """Return whether to use an image."""
        name = "/".join(PurePath(sample.key).parts[-_PARTS:])
        text = f"{self.seed}/{name}".encode("utf-8", "surrogateescape")
        number = int.from_bytes(blake2b(text, digest_size=8, person=b"held out").digest())
        return (number < self.share * 2**64) == self.is_chosen
