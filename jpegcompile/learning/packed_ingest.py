"""Turn packed batches into a network's input, in strips of images."""

from __future__ import annotations

import torch
from torch import Tensor

from jpegcompile.data.placed_images import PlacedImages
from jpegcompile.learning.ingest import JpegIngest

# Bytes of the dense int16 planes of a strip. The ingest needs about six times as many
# besides.
STRIP_BYTES = 1 << 26


def ingest_packed(
    batch: PlacedImages,
    ingest: JpegIngest,
    *,
    images: int | None = None,
    max_bytes: int | None = STRIP_BYTES,
    threads: int | None = None,
) -> Tensor:
    """Return the network's input, [N, C, H, W], on the device of the ingest.

    The coefficients of a strip are dense only until they are ingested.

    Args:
        batch: a batch of `ImageDataset` with form "packed", `preprocess` and `size`.
        ingest: ingest with the block size of the batch.
        images: as for `PackedImages.strips`.
        max_bytes: as for `PackedImages.strips`.
        threads: as for `unpack_batch`.

    Raises:
        UsageError: if a limit is less than 1.
        ImageError: as `unpack_batch`.
    """
    device = ingest.transform.device
    made: Tensor | None = None
    for strip, inputs in batch.strips(device, images=images, max_bytes=max_bytes, threads=threads):
        maps = ingest(inputs)
        if len(maps) == len(batch):
            return maps
        if made is None:
            made = maps.new_empty(batch.shape)
        made[strip] = maps
        # The next strip is unpacked after this one is freed.
        del inputs, maps
    return torch.zeros(batch.shape, device=device) if made is None else made
