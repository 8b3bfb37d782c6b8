"""Train a ResNet-8 from scratch, on coefficients in the JPEG domain and on pixels.

    python tests/benchmarks/learning_curve.py TRAINING LABELLED [--epochs N] [--batch N] [--lr LR]
        [--seed N] [--threads N] [--json FILE]

TRAINING and LABELLED have a folder of 32x32 JPEG files for each class. Both networks start from the
same weights and see the same files in the same order. One is lowered to the JPEG domain and reads
coefficients, the other is its spatial twin and reads pixels of the float decode. The record has the
mean loss of every 10 steps and the accuracy after each epoch. `docs/make.py` plots it.
"""

from __future__ import annotations

import argparse
import copy
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from support.torch_zoo import Design, build

from jpegcompile.data.batch import ImageBatch
from jpegcompile.data.dataset import ImageDataset
from jpegcompile.evaluation.benchmark.record import Record, parser_for
from jpegcompile.learning import JpegIngest
from jpegcompile.learning.torch_import import from_torch

SIZE = 32
DESIGN = Design(block="basic", depths=(1, 1, 1), widths=(16, 32, 64), stem="cifar", classes=10)
STEPS_OF_POINT = 10


@dataclass
class Run:
    """One network while it learns.

    Attributes:
        name: domain of its maps.
        network: the network.
        image: returns the network's input of a batch.
        form: form of its batches.
        losses: mean losses of every few steps.
        top1: percentage of correct files after each epoch.
    """

    name: str
    network: nn.Module
    image: Callable[[ImageBatch], Tensor]
    form: dict[str, Any]
    losses: list[float] = field(default_factory=list)
    top1: list[float] = field(default_factory=list)

    def data(self, folder: Path, batch: int, threads: int, **options: Any) -> ImageDataset:
        """Return a data set in the form of this network."""
        return ImageDataset(
            folder,
            batch,
            preprocess="cifar10",
            size=(SIZE, SIZE),
            threads=threads,
            **self.form,
            **options,
        )


def runs(seed: int) -> list[Run]:
    """Return both networks with the same weights."""
    torch.manual_seed(seed)
    pixels = build(DESIGN, SIZE)
    for module in pixels.modules():
        if isinstance(module, nn.Conv2d | nn.Linear | nn.BatchNorm2d):
            module.reset_parameters()
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 0.1
    pixels.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    coefficients = from_torch(copy.deepcopy(pixels), SIZE)
    ingest = JpegIngest(coefficients.input_block)
    return [
        Run(
            "JPEG domain",
            coefficients,
            lambda batch: ingest(cast(dict[str, Tensor], batch.inputs)),
            {"form": "coefficients", "block": coefficients.input_block},
        ),
        Run("spatial", pixels, lambda batch: cast(Tensor, batch.inputs), {"form": "pixels"}),
    ]


def learn(run: Run, arguments: argparse.Namespace) -> None:
    """Train one network, and store its curve."""
    shared = (arguments.batch, arguments.threads)
    data = run.data(arguments.training, *shared, shuffle=True, seed=arguments.seed, drop_last=True)
    optimizer = torch.optim.SGD(
        run.network.parameters(), arguments.lr, momentum=0.9, weight_decay=1e-4
    )
    losses: list[float] = []
    for epoch in range(arguments.epochs):
        data.set_epoch(epoch)
        losses += _epoch(run, data, optimizer)
        run.top1.append(_top1(run, run.data(arguments.labelled, *shared)))
        print(f"{run.name}, epoch {epoch + 1}: top-1 {run.top1[-1]:.1f} %", file=sys.stderr)
    for start in range(0, len(losses) - STEPS_OF_POINT + 1, STEPS_OF_POINT):
        run.losses.append(sum(losses[start : start + STEPS_OF_POINT]) / STEPS_OF_POINT)


def _epoch(run: Run, data: ImageDataset, optimizer: torch.optim.Optimizer) -> Iterator[float]:
    run.network.train()
    for batch in data:
        image = run.image(batch).contiguous(memory_format=torch.channels_last)
        loss = functional.cross_entropy(run.network(image), batch.labels)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        yield loss.item()


@torch.no_grad()
def _top1(run: Run, data: ImageDataset) -> float:
    run.network.eval()
    hits, files = 0, 0
    for batch in data:
        hits += int((run.network(run.image(batch)).argmax(1) == batch.labels).sum())
        files += len(batch)
    return 100 * hits / files


def main() -> int:
    """Train both networks, and print and record the curves."""
    parser = parser_for(__doc__)
    parser.add_argument("training", type=Path, metavar="TRAINING")
    parser.add_argument("labelled", type=Path, metavar="LABELLED")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--lr", type=float, default=0.1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    made = runs(arguments.seed)
    for run in made:
        learn(run, arguments)
    jpeg, spatial = made
    pairs = list(zip(jpeg.losses, spatial.losses, strict=True))
    rows = [
        {"step": (index + 1) * STEPS_OF_POINT, "loss": {"jpeg": one, "spatial": other}}
        for index, (one, other) in enumerate(pairs)
    ]
    first = max(abs(one - other) for one, other in pairs[:3])
    print(f"largest difference of the first mean losses: {first:.1e}")
    print(f"last losses: {jpeg.losses[-1]:.3f} and {spatial.losses[-1]:.3f}")
    if arguments.json is not None:
        settings = {name: getattr(arguments, name) for name in ("epochs", "batch", "lr", "seed")}
        accuracy = {"top1/jpeg": jpeg.top1, "top1/spatial": spatial.top1}
        Record("learning_curve", rows, {**settings, **accuracy}).write(arguments.json)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
