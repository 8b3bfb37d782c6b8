"""Turn packed batches into dense tensors on the device where a network learns."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from jpegcompile.interface import QUANTIZATION
from jpegcompile.jpeg.packed_images import PLANES, PackedImages
from jpegcompile.processors import available_processors

Device = str | torch.device


def unpack_batch(
    packed: PackedImages, device: Device = "cpu", *, threads: int | None = None
) -> dict[str, Tensor]:
    """Unpack a batch on a device.

    Args:
        packed: batch on the host.
        device: the CPU, which unpacks with native code, or a GPU, to which the packed bytes are
            copied.
        threads: largest number of threads on the CPU. Default: one per available processor.

    Returns:
        "luma", int16 [N, 1, block rows, block columns, 8, 8]; "chroma", int16 [N, 2, ...]; padded
        with zeros to the largest image of the batch; and "quantization", uint16 [N, 3, 8, 8].
        Multiply padded blocks by matrices with zeros in the columns of the padding.

    Raises:
        ImageError: on the CPU, if the packed bytes are damaged.
    """
    (_, made) = next(unpacked_strips(packed, device, threads=threads), (None, None))
    return _empty(packed, torch.device(device)) if made is None else made


def unpacked_strips(
    packed: PackedImages,
    device: Device = "cpu",
    *,
    images: int | None = None,
    max_bytes: int | None = None,
    threads: int | None = None,
) -> Iterator[tuple[slice, dict[str, Tensor]]]:
    """Unpack a batch in strips of images, so that it is never in memory as a whole.

    The packed batch is copied to a GPU once. Each strip is padded to its own largest image.

    Args:
        packed: as for `unpack_batch`.
        device: as for `unpack_batch`.
        images: as for `PackedImages.strips`.
        max_bytes: as for `PackedImages.strips`.
        threads: as for `unpack_batch`.

    Yields:
        The images of a strip, and their tensors as for `unpack_batch`.

    Raises:
        UsageError: if a limit is less than 1.
        ImageError: as `unpack_batch`.
    """
    where = torch.device(device)
    strips = packed.strips(images, max_bytes)
    if where.type != "cpu":
        from jpegcompile.runtime.triton.packed_images import unpacked_strips_on

        return unpacked_strips_on(packed, where, strips)
    return _on_cpu(packed, strips, threads or available_processors())


def _on_cpu(
    packed: PackedImages, strips: Iterator[slice], threads: int
) -> Iterator[tuple[slice, dict[str, Tensor]]]:
    # No variable keeps a strip in memory while the next one is unpacked.
    for strip in strips:
        yield strip, _of_strip(packed, strip, threads)


def _of_strip(packed: PackedImages, strip: slice, threads: int) -> dict[str, Tensor]:
    made = {name: torch.from_numpy(v) for name, v in packed.unpack(strip, threads).items()}
    return {**made, QUANTIZATION: torch.from_numpy(packed.quantization[strip])}


def _empty(packed: PackedImages, device: torch.device) -> dict[str, Tensor]:
    shapes = {name: packed.shape(name) for name in PLANES}
    made = {n: torch.empty(shape, dtype=torch.int16, device=device) for n, shape in shapes.items()}
    return {**made, QUANTIZATION: torch.from_numpy(packed.quantization).to(device)}
