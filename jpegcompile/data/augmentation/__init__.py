"""Random changes of training images that are linear in their coefficients (`docs/augmentation.md`)."""

from jpegcompile.data.augmentation.record import Augmentation

__all__ = ["Augmentation"]
