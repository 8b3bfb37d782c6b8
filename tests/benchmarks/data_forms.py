"""Compare the forms of a data set: bytes of an image, and images a second for a training loop.

    python tests/benchmarks/data_forms.py CIFAR PHOTOS [--rounds N] [--json FILE]

CIFAR and PHOTOS are folders of JPEG files. Photographs come twice: as they are, resized to 224x224
when they are read; and saved as JPEG files of 224x224 pixels of quality 90.

Each form makes batches of normalized float32 pixels, which are compared first: with Pillow's
pixels, and the cache with the files bit for bit. Coefficients that become int16 blocks, for
learning on coefficients, are timed apart. Times are processor time of one thread, because that
depends less on what else the machine does. Files and caches are in the system's page cache.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from time import process_time
from typing import Any

import torch
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support.data_forms import DataForms, Epoch

from jpegcompile.evaluation.benchmark.record import Record, parser_for
from jpegcompile.evaluation.benchmark.rounds import interleaved, timed

_MOST, _BATCH = 2000, 64
_MEMORY = 8e9
# Mean difference of the float decode to Pillow's, which clamps and rounds, in normalized units.
_MEAN_DIFFERENCE = 0.03


def check(forms: DataForms) -> None:
    """Compare all batches of all forms.

    Raises:
        AssertionError: if they differ.
    """
    made = {name: torch.cat(list(epoch())) for name, epoch in forms.to_tensors().items()}
    expected = made["files, Pillow"]
    assert torch.equal(made["cache, packed"], made["files"])
    assert torch.equal(made["uint8"], expected)
    assert torch.equal(made["float32"], expected)
    torch.testing.assert_close(made["int16"], made["files"], rtol=0, atol=1e-3)
    difference = float((made["files"] - expected).abs().mean())
    assert difference < _MEAN_DIFFERENCE, f"files differ from Pillow by {difference:.3g}"
    assert float((made["files"].roll(1, 0) - expected).abs().mean()) > 10 * _MEAN_DIFFERENCE
    epochs = {name: list(epoch()) for name, epoch in forms.to_blocks().items()}
    for name, batches in epochs.items():
        for batch, other in zip(batches, epochs["files"], strict=True):
            for plane in ("luma", "chroma"):
                assert torch.equal(batch[plane], other[plane]), name


def speeds(epochs: Mapping[str, Epoch], images: int, rounds: int) -> dict[str, float]:
    """Return images in a second of processor time."""

    def run(epoch: Epoch) -> None:
        for _ in epoch():
            pass

    measurements = {
        name: timed(lambda epoch=epoch: run(epoch), process_time)  # type: ignore[misc]
        for name, epoch in epochs.items()
    }
    found = interleaved(measurements, rounds, warm_up=1)
    return {name: images / seconds for name, seconds in found.medians().items()}


def saved(files: list[Path], folder: Path) -> list[Path]:
    """Save photographs as 224x224 pixels of quality 90, 4:2:0."""
    made = []
    for file in files:
        image = Image.open(file).convert("RGB")
        short = min(image.size)
        left, top = ((side - short) // 2 for side in image.size)
        square = image.crop((left, top, left + short, top + short))
        path = folder / f"{file.stem}.jpg"
        square.resize((224, 224), Image.Resampling.LANCZOS).save(
            path, quality=90, subsampling="4:2:0"
        )
        made.append(path)
    return made


def rows_of(name: str, forms: DataForms, rounds: int) -> Iterator[dict[str, Any]]:
    """Yield a row for each form."""
    forms.store()
    check(forms)
    bytes_of = forms.bytes_of_forms()
    images = len(forms.files)
    tensors = speeds(forms.to_tensors(), images, rounds)
    blocks = speeds(forms.to_blocks(), images, rounds)
    stored = {"files, Pillow": "file", "files": "file", "cache, packed": "packed"}
    for form, speed in tensors.items():
        size = bytes_of[stored.get(form, form)]
        yield {
            "set": name,
            "form": form,
            "images": images,
            "bytes": size,
            "in_memory": None if stored.get(form) == "file" else int(_MEMORY // size),
            "pixels_per_second": speed,
            "blocks_per_second": blocks.get(form),
        }
    yield {
        "set": name,
        "form": "cache, with its index",
        "bytes": bytes_of["packed, with the index"],
    }


def main() -> None:
    """Check, time and print."""
    parser = parser_for(__doc__, rounds=5)
    parser.add_argument("cifar", type=Path, help="folder of files of 32x32 pixels")
    parser.add_argument("photos", type=Path, help="folder of photographs")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    cifar = sorted(arguments.cifar.rglob("*.jpg"))
    cifar = cifar[:: max(1, len(cifar) // _MOST)]
    photos = sorted(
        one for one in arguments.photos.rglob("*") if one.suffix.lower() in (".jpg", ".jpeg")
    )
    rows = []
    load = os.getloadavg()[1]
    with tempfile.TemporaryDirectory() as temporary:
        folders = [Path(temporary) / name for name in ("a", "b", "c", "files")]
        for folder in folders:
            folder.mkdir()
        sets = {
            "CIFAR-10": DataForms(cifar, (32, 32), False, _BATCH, folders[0]),
            "photographs": DataForms(photos, (224, 224), True, 16, folders[1]),
            "photographs of 224x224": DataForms(
                saved(photos, folders[3]), (224, 224), False, 16, folders[2]
            ),
        }
        for name, forms in sets.items():
            for row in rows_of(name, forms, arguments.rounds):
                rows.append(row)
                print(row)
    if arguments.json:
        settings = {
            "rounds": arguments.rounds,
            "threads": 1,
            "clock": "processor time",
            "load_before": round(load, 1),
            "load_after": round(os.getloadavg()[1], 1),
        }
        Record("data_forms", rows, settings).write(arguments.json)


if __name__ == "__main__":
    main()
