"""Time augmented batches of training images, from coefficients, natively and by Pillow.

    python tests/benchmarks/augmentation.py DIR [--kind cifar|imagenet] [--json FILE]

Every way reads the same files, or a cache of them, with the same random crops and flips, in one
thread. "coefficients" and "ingest" are the two halves of one way: what a worker reads, and what the
training process (or its GPU) computes from it; so are "packed" and "ingest of packed". Times are
processor time, which other processes disturb less.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

import jpegcompile
from jpegcompile import ImageBatch, ImageDataset
from jpegcompile.data.augmentation.draws import Draws
from jpegcompile.data.augmentation.placing import random_choice
from jpegcompile.data.augmentation.text import PRESETS
from jpegcompile.data.division import Reader
from jpegcompile.evaluation.benchmark.record import Record, parser_for
from jpegcompile.evaluation.benchmark.rounds import interleaved, timed
from jpegcompile.jpeg.frame import Frame
from jpegcompile.learning.ingest import JpegIngest
from jpegcompile.learning.packed_ingest import ingest_packed
from jpegcompile.preprocessing.presets import PRESETS as PREPROCESSES

# Preprocessing, size of the network's input, and images per batch.
KINDS = {"cifar": ("cifar10", (32, 32), 128), "imagenet": ("imagenet", (224, 224), 16)}
# Pillow rounds and clamps pixels, which are then divided by a standard deviation of 0.22 or more.
MOST_DIFFERENCE = 0.05


def read(files: Sequence[str] | Path, kind: str, **given: Any) -> list[ImageBatch]:
    """All batches of the files or a cache, read in this thread."""
    preprocess, size, batch = KINDS[kind]
    options = {"preprocess": preprocess, "size": size, "augment": kind, "threads": 1, **given}
    dataset = ImageDataset(files, batch, **options)
    batching = dataset._batching(pin=False, threads=1)
    return list(batching.batches(dataset._samples_of(Reader()), is_alone=True))


def by_pillow(files: Sequence[str], kind: str) -> list[torch.Tensor]:
    """Pillow's decode, and the same crops and flips of its pixels."""
    preprocess, (height, width), batch = KINDS[kind]
    described = PREPROCESSES[preprocess]
    mean, std = (np.asarray(values, np.float32) for values in (described.mean, described.std))
    made = []
    for index, file in enumerate(files):
        image = Image.open(file).convert("RGB")
        frame = Frame(image.height, image.width, ((1, 1),) * 3, "rgb")
        draws = Draws(0, 0, str(index))
        choice = random_choice(frame, described.geometry, (height, width), PRESETS[kind], draws)
        if choice.box is not None:
            top, left, tall, wide = choice.box
            box = (left, top, left + wide, top + tall)
            image = image.crop(box).resize((width, height), Image.Resampling.BILINEAR)
            pixels = np.asarray(image)
        else:
            assert choice.corner is not None
            top, left = (start + 4 for start in choice.corner)
            padded = np.pad(np.asarray(image), ((4, 4), (4, 4), (0, 0)))
            pixels = padded[top : top + height, left : left + width]
        if choice.is_flipped:
            pixels = pixels[:, ::-1]
        normalized = (pixels * np.float32(1 / 255) - mean) / std
        made.append(torch.from_numpy(np.ascontiguousarray(normalized.transpose(2, 0, 1))))
    return [torch.stack(made[start : start + batch]) for start in range(0, len(made), batch)]


def bytes_of(inputs: Any) -> int:
    """Bytes of the inputs of a batch."""
    if isinstance(inputs, dict):
        return sum(values.nbytes for values in inputs.values())
    return int(inputs.nbytes)


def check(files: Sequence[str], cache: Path, kind: str) -> None:
    """Compare the ways with each other.

    Raises:
        AssertionError: if they differ by more than rounding.
    """
    native: list[Any] = [batch.inputs for batch in read(files, kind, form="pixels")]
    placed: list[Any] = read(files, kind, form="coefficients", block=1)
    packed: list[Any] = read(cache, kind, form="packed", block=1)
    ways = zip(native, placed, packed, by_pillow(files, kind), strict=True)
    for pixels, batch, other, rounded in ways:
        torch.testing.assert_close(JpegIngest(1)(batch.inputs), pixels, rtol=0, atol=1e-4)
        ingested = ingest_packed(other.inputs, JpegIngest(1), threads=1)
        torch.testing.assert_close(ingested, pixels, rtol=0, atol=1e-4)
        assert float((pixels - rounded).abs().mean()) < MOST_DIFFERENCE


def measured(files: list[str], cache: Path, kind: str, rounds: int) -> list[dict[str, Any]]:
    """Time every way, and count the bytes of its batches."""
    ingest = JpegIngest()
    ways: dict[str, Callable[[], Sequence[Any]]] = {"Pillow": lambda: by_pillow(files, kind)}
    for form in ("pixels", "tensor", "coefficients", "packed"):
        ways[form] = partial(read, files, kind, form=form)
    for form in ("tensor", "coefficients", "packed"):
        ways[f"{form} from a cache"] = partial(read, cache, kind, form=form)
    sizes = {
        name: sum(bytes_of(getattr(batch, "inputs", batch)) for batch in way()) / len(files)
        for name, way in ways.items()
    }
    dense: list[Any] = read(files, kind, form="coefficients")
    packed: list[Any] = read(files, kind, form="packed")
    ways["ingest"] = lambda: [ingest(batch.inputs) for batch in dense]
    ways["ingest of packed"] = lambda: [
        ingest_packed(batch.inputs, ingest, threads=1) for batch in packed
    ]
    times = interleaved(
        {name: timed(way, time.process_time) for name, way in ways.items()}, rounds, warm_up=1
    )
    return [
        {
            "kind": kind,
            "way": name,
            "milliseconds": 1e3 * seconds / len(files),
            "ratio": times.ratio(name, "Pillow"),
            "bytes": sizes.get(name),
        }
        for name, seconds in times.medians().items()
    ]


def main() -> None:
    """Measure a folder and print milliseconds of an image."""
    parser = parser_for(__doc__, rounds=9)
    parser.add_argument("folder", type=Path, help="folder of JPEG files")
    parser.add_argument("--kind", choices=KINDS, default="cifar")
    parser.add_argument("--images", type=int, default=512, help="files to read (512)")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    kind: str = arguments.kind
    found = sorted(p for p in arguments.folder.rglob("*") if p.suffix.lower() in (".jpg", ".jpeg"))
    files = [str(path) for path in found[: arguments.images]]
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder) / "images.jpegcache"
        jpegcompile.build_cache(files, cache)
        check(files, cache, kind)
        rows = measured(files, cache, kind, arguments.rounds)
    for row in rows:
        print(f"{row['way']:12} {row['milliseconds']:.3f} ms an image, {row['ratio']:.2f}")
    if arguments.json:
        settings = {"images": len(files), "batch": KINDS[kind][2], "rounds": arguments.rounds}
        Record("augmentation", rows, settings).write(arguments.json)


if __name__ == "__main__":
    main()
