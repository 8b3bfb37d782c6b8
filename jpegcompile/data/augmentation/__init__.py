"""Random changes of training images, linear in their coefficients (`docs/augmentation.md`)."""

from jpegcompile.data.augmentation.record import Augmentation

__all__ = ["Augmentation"]
