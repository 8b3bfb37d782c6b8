"""Time a step of training in the JPEG domain, in units of the step on pixels.

    python tests/benchmarks/training_step.py [--batch N] [--threads N,...] [--json FILE]

The network is ResNet-20 at 32x32; a step is forward and backward, without an optimizer. Candidates
with the same masks have to have the same gradients before anything is timed: modules on pixels, all
modules in the JPEG domain, and, with masks of 8 frequencies, both again. With one thread times are
processor time. "kept" are the bytes of all tensors that the forward pass keeps for the gradient.
"""

from __future__ import annotations

import copy
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.command import markdown_table, positive_numbers
from support.learning import JPEG, SPATIAL, Modules, ResNet, jpeg_modules

from jpegcompile.evaluation.benchmark.record import Record, parser_for
from jpegcompile.evaluation.benchmark.rounds import interleaved, timed
from jpegcompile.learning import JpegReLU
from jpegcompile.learning.transforms import block_dct

LAYOUTS = {"NCHW": torch.contiguous_format, "channels last": torch.channels_last}
FEW = 8
# Of the norm of all gradients. In float32 the domains round differently, and pixels close to zero
# may have other masks. ASM is discontinuous: there another mask changes all later layers.
TOLERANCES = {torch.float64: 1e-8, torch.float32: 0.05}


@dataclass(frozen=True)
class Candidate:
    """A way to train.

    Attributes:
        name: name in tables.
        modules: modules of the network.
        in_jpeg: whether maps are in the JPEG domain.
        frequencies: frequencies of masks.
    """

    name: str
    modules: Modules
    in_jpeg: bool
    frequencies: int


def _spatial_masks(frequencies: int) -> Modules:
    relu = partial(JpegReLU, frequencies=frequencies, domain="spatial")
    return Modules(SPATIAL.conv, SPATIAL.norm, relu, SPATIAL.pool)


CANDIDATES = (
    Candidate("pixels", SPATIAL, False, 15),
    Candidate("JPEG domain", JPEG, True, 15),
    Candidate("pixels, ASM", _spatial_masks(FEW), False, FEW),
    Candidate("JPEG domain, ASM", jpeg_modules(FEW), True, FEW),
)
REFERENCE = CANDIDATES[0].name


@dataclass(frozen=True)
class Step:
    """A step of one candidate."""

    network: nn.Module
    maps: Tensor
    labels: Tensor

    def __call__(self) -> None:
        """Compute all gradients."""
        self.network.zero_grad()
        loss = functional.cross_entropy(self.network(self.maps), self.labels)
        loss.backward()  # type: ignore[no-untyped-call]

    def part(self, batch: int, kind: torch.dtype) -> Step:
        """Return the step of a few images at a precision, with its own network."""
        network, maps = copy.deepcopy(self.network).to(kind), self.maps[:batch].to(kind)
        return Step(network, maps, self.labels[:batch])

    def gradient(self) -> Tensor:
        """Return all gradients of the weights in double precision."""
        self()
        found = [p.grad for p in self.network.parameters() if p.grad is not None]
        return torch.cat([part.flatten() for part in found]).double()

    def kept(self) -> int:
        """Return the bytes of the tensors that the forward pass keeps, without parameters."""
        sizes: dict[int, int] = {}
        own = {p.untyped_storage().data_ptr() for p in self.network.parameters()}

        def pack(tensor: Tensor) -> Tensor:
            storage = tensor.untyped_storage()
            if storage.data_ptr() not in own:
                sizes[storage.data_ptr()] = storage.nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            made = self.network(self.maps)
        del made
        return sum(sizes.values())


def steps_of(layout: torch.memory_format, batch: int) -> dict[str, Step]:
    """Return the steps of all candidates, with the same weights and images in float64."""
    torch.manual_seed(0)
    pixels, labels = torch.randn(batch, 3, 32, 32).double(), torch.randint(0, 10, (batch,))
    weights = ResNet(SPATIAL, depth=3).state_dict()
    made = {}
    for candidate in CANDIDATES:
        network = ResNet(candidate.modules, depth=3)
        network.load_state_dict(weights)
        network.to(memory_format=layout)  # type: ignore[call-overload]
        maps = block_dct(pixels) if candidate.in_jpeg else pixels
        made[candidate.name] = Step(network, maps.contiguous(memory_format=layout), labels)
    return made


def check(steps: Mapping[str, Step]) -> None:
    """Compare the gradients of candidates that have the same masks.

    Raises:
        AssertionError: if they differ.
    """
    for kind, tolerance in TOLERANCES.items():
        known: dict[int, Tensor] = {}
        for candidate in CANDIDATES:
            if candidate.frequencies == FEW and kind == torch.float32:
                continue
            gradient = steps[candidate.name].part(16, kind).gradient()
            expected = known.setdefault(candidate.frequencies, gradient)
            error = float((gradient - expected).norm() / expected.norm())
            assert error < tolerance, f"{candidate.name}: the gradients differ by {error:.1e}"


def rows_of(batch: int, threads: Sequence[int], rounds: int) -> Iterator[dict[str, Any]]:
    """Yield a row for each layout, number of threads and candidate."""
    for layout_name, layout in LAYOUTS.items():
        exact = steps_of(layout, batch)
        check(exact)
        steps = {name: step.part(batch, torch.float32) for name, step in exact.items()}
        kept = {name: step.kept() for name, step in steps.items()}
        for count in threads:
            torch.set_num_threads(count)
            clock: Callable[[], float] = time.process_time if count == 1 else time.perf_counter
            runs = {name: timed(step, clock) for name, step in steps.items()}
            measured = interleaved(runs, rounds, warm_up=1)
            for name in steps:
                yield {
                    "layout": layout_name,
                    "threads": count,
                    "candidate": name,
                    "seconds": measured.median(name),
                    "ratio": measured.ratio(name, REFERENCE),
                    "kept_bytes": kept[name],
                    "kept_ratio": kept[name] / kept[REFERENCE],
                }


def markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the rows as a table."""
    head = ["layout", "threads", "maps", "seconds", "times pixels", "kept, MB", "times pixels"]
    cells = [
        [
            row["layout"],
            str(row["threads"]),
            row["candidate"],
            f"{row['seconds']:.3f}",
            f"{row['ratio']:.2f}",
            f"{row['kept_bytes'] / 1e6:.0f}",
            f"{row['kept_ratio']:.2f}",
        ]
        for row in rows
    ]
    return markdown_table(head, cells)


def main() -> None:
    """Check, measure and print the table."""
    parser = parser_for(__doc__, rounds=7)
    parser.add_argument("--batch", type=int, default=128, help="images of a step (128)")
    parser.add_argument("--threads", type=positive_numbers, default=[1, 2])
    given = parser.parse_args()
    rows = list(rows_of(given.batch, given.threads, given.rounds))
    if given.json is not None:
        settings = {"batch": given.batch, "rounds": given.rounds}
        Record("training_step", rows, settings).write(given.json)
    print(markdown(rows))


if __name__ == "__main__":
    main()
