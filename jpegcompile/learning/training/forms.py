"""The form of the batches of a run. What a network learns depends on it only by float rounding."""

from __future__ import annotations

import torch

from jpegcompile.data.target import Form
from jpegcompile.jpeg.pixel_fallback import Fallback
from jpegcompile.preprocessing.preprocess import Preprocess


def form_of(preprocess: Preprocess, device: torch.device, fallback: Fallback) -> Form:
    """Return the form of the batches that are fastest to make and to move.

    A GPU gets packed coefficients, and makes tensors of them. On the CPU, native code makes tensors
    in less time than `JpegIngest` does, from files as from a cache (`docs/augmentation.md`).
    Tensors also allow what is not linear, and images that are not JPEG files.

    Args:
        preprocess: preprocessing of the network.
        device: where the network learns.
        fallback: as for `ImageDataset`.
    """
    is_linear = preprocess.decoder == "float" and preprocess.geometry.views == "one"
    return "packed" if device.type == "cuda" and is_linear and fallback == "none" else "tensor"
