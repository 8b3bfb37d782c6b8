"""Time an epoch of learning in the JPEG domain, beside PyTorch on pixels of Pillow.

    python tests/benchmarks/learning_epoch.py MODEL.onnx IMAGES --preprocess NAME [--batch N]
        [--steps N] [--threads N] [--rounds N] [--json FILE]

IMAGES has a folder of JPEG files of the network's size for each class. All candidates compute the
same network from the same weights, by steps of SGD with momentum and with flips:

- pillow: modules of `torch.nn` on pixels that Pillow decodes, in a `DataLoader`
- auto: `from_onnx(domain="auto")` on tensors of `ImageDataset`
- jpeg: `from_onnx(domain="jpeg")` on tensors of `ImageDataset` in the JPEG domain

The losses of the first batch are compared before anything is timed. Each round reads and learns
`--steps` batches with every candidate. Times are processor times of one process, in which `pillow`
reads without workers and the others with one thread.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.command import markdown_table

from jpegcompile.data.dataset import ImageDataset
from jpegcompile.evaluation.benchmark.record import Record, parser_for
from jpegcompile.evaluation.benchmark.rounds import interleaved
from jpegcompile.evaluation.dataset import labelled_images
from jpegcompile.learning import from_onnx, logits_of
from jpegcompile.learning.lowering.module import JpegModule
from jpegcompile.preprocessing.preprocess import Preprocess
from jpegcompile.preprocessing.reading import preprocess_of

REFERENCE = "pillow"
# Pillow rounds and clamps pixels, which the float decode does not.
DECODER_DIFFERENCE = 0.05
ROUNDING = 1e-4
# Small, so that the weights hardly change between rounds.
LEARNING_RATE = 1e-5

Batches = Iterator[tuple[Tensor, Tensor]]


class PillowImages(Dataset[tuple[Tensor, int]]):
    """Pixels [C, H, W] of files as Pillow decodes them, with random flips."""

    def __init__(self, folder: Path, taken: Preprocess, flips: bool) -> None:
        """Find the files of a folder with a folder for each class."""
        found = labelled_images(folder, None)
        self._files, self._labels = found.files, found.labels
        self._mean, self._std = (
            torch.tensor(values, dtype=torch.float32).view(-1, 1, 1) / taken.scale
            for values in (taken.mean, taken.std)
        )
        self._flips = flips

    def __len__(self) -> int:
        """Number of files."""
        return len(self._files)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """Return the normalized pixels and the label of a file."""
        with Image.open(self._files[index]) as image:
            values = np.array(image.convert("RGB"))
        pixels = (torch.from_numpy(values).permute(2, 0, 1) - self._mean) / self._std
        if self._flips and torch.rand(()) < 0.5:
            pixels = pixels.flip(-1)
        return pixels, self._labels[index]


@dataclass
class Candidate:
    """A network, and the batches that it learns from.

    Attributes:
        network: the network, in training mode.
        batches: returns batches of images and labels of an epoch; with flips or in order.
    """

    network: nn.Module
    batches: Callable[[bool], Batches]

    def __post_init__(self) -> None:
        """Start an epoch that never ends."""
        self.network.train()
        self._optimizer = torch.optim.SGD(self.network.parameters(), LEARNING_RATE, momentum=0.9)
        self._endless = itertools.chain.from_iterable(self.batches(True) for _ in itertools.count())

    def loss(self, images: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of a batch."""
        scores = self.network(images.contiguous(memory_format=torch.channels_last))
        return functional.cross_entropy(scores, labels)

    def learn(self, steps: int) -> float:
        """Read and learn some batches; returns the processor time."""
        start = time.process_time()
        for images, labels in itertools.islice(self._endless, steps):
            loss = self.loss(images, labels)
            self._optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            self._optimizer.step()
        return time.process_time() - start


def pillow_batches(arguments: argparse.Namespace, flips: bool) -> Batches:
    """Yield batches of Pillow's pixels."""
    images = PillowImages(arguments.images, preprocess_of(arguments.preprocess), flips)
    loader = DataLoader(images, arguments.batch, shuffle=flips, drop_last=True)
    return iter(loader)


def own_batches(arguments: argparse.Namespace, module: JpegModule, flips: bool) -> Batches:
    """Yield batches of tensors in the domain of a module."""
    dataset = ImageDataset(
        arguments.images,
        arguments.batch,
        form="tensor",
        preprocess=arguments.preprocess,
        size=(module.image_shape[1], module.image_shape[2]),
        block=module.input_block,
        augment="flip" if flips else None,
        shuffle=flips,
        drop_last=True,
        threads=1,
    )
    for batch in dataset:
        yield cast(Tensor, batch.inputs), batch.labels


def candidates(arguments: argparse.Namespace) -> dict[str, Candidate]:
    """Return all candidates with the same weights."""
    taken: dict[str, Any] = {"preprocess": arguments.preprocess}
    spatial = logits_of(from_onnx(arguments.model, domain="spatial", **taken))
    made = {REFERENCE: Candidate(spatial, partial(pillow_batches, arguments))}
    for domain in ("auto", "jpeg"):
        module = from_onnx(arguments.model, domain=domain, **taken)
        assert isinstance(module, JpegModule)
        made[domain] = Candidate(logits_of(module), partial(own_batches, arguments, module))
    for one in made.values():
        one.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return made


@torch.no_grad()
def check(made: dict[str, Candidate]) -> dict[str, float]:
    """Return the losses of the first batch in the order of the files.

    Raises:
        AssertionError: if they differ by more than rounding, or by more than Pillow's decode.
    """
    losses = {}
    for name, one in made.items():
        one.network.eval()
        losses[name] = float(one.loss(*next(one.batches(False))))
        one.network.train()
    assert abs(losses["jpeg"] - losses["auto"]) <= ROUNDING * max(1.0, losses["auto"]), losses
    assert abs(losses["auto"] - losses[REFERENCE]) <= DECODER_DIFFERENCE, losses
    return losses


def main() -> int:
    """Check, time and print all candidates."""
    parser = parser_for(__doc__, rounds=7)
    parser.add_argument("model", type=Path, metavar="MODEL.onnx")
    parser.add_argument("images", type=Path, metavar="IMAGES")
    parser.add_argument("--preprocess", required=True)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    made = candidates(arguments)
    losses = check(made)
    runs = {name: partial(one.learn, arguments.steps) for name, one in made.items()}
    for run in runs.values():
        run()
    rounds = interleaved(runs, arguments.rounds)
    images = arguments.steps * arguments.batch
    rows = [
        {
            "network": name,
            "loss": losses[name],
            "ms_per_image": 1e3 * rounds.median(name) / images,
            "ratio": rounds.ratio(name, REFERENCE),
        }
        for name in made
    ]
    head = ["network", "ms of an image", f"times {REFERENCE}"]
    cells = [[r["network"], f"{r['ms_per_image']:.3f}", f"{r['ratio']:.2f}"] for r in rows]
    print(markdown_table(head, cells))
    if arguments.json is not None:
        names = ("rounds", "steps", "batch", "threads")
        settings = {name: getattr(arguments, name) for name in names}
        Record("learning_epoch", rows, settings).write(arguments.json)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
