"""Make `docs/gpu_predictions.md`: predicted times of the kernels of ResNets on GPUs.

python docs/gpu_predictions.py [PATH]
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from jpegcompile.cost.gpu import OVERHEAD, Work, conv_work, elementwise_work, ideal_work
from jpegcompile.cost.gpus import GPUS, Gpu
from jpegcompile.gpu.resnets import Layer, resnet18, resnet50
from jpegcompile.kernels.conv.launch import default_tiling
from jpegcompile.precision import FLOAT16, TF32X3, Precision

PAGE = Path(__file__).with_suffix(".md")
PRECISIONS = (FLOAT16, TF32X3)
BATCHES = (1, 32, 256)
TRUNCATED = 8
NETWORKS = {
    "ResNet-18": resnet18(),
    "ResNet-50": resnet50(),
    f"ResNet-50 truncated to {TRUNCATED}": resnet50(TRUNCATED),
}
_HEAD = f"""# Predicted times on GPUs

`python docs/make.py` makes this page. **These are predictions: nothing here was measured, and no
kernel has run on a GPU.** Kernels are tested in Triton's interpreter and compiled ahead of time.

The predicted time of a kernel is 2 us to start and to drain, plus the largest of three times: its
bytes at the bandwidth of memory, its FLOPs at the peak of the units that it uses, and its programs
in waves over the multiprocessors (`jpegcompile/cost/gpu.py`). `kernels/conv/launch.py` chooses the
tilings.

- *ideal*: spatial implicit matrix products of the same precision, each with its bias, sum and ReLU.
  The time is the larger of bytes and FLOPs, plus 2 us, without padding and without waves.
- *exact*: our kernels at all frequencies, with pixels on every edge.
- *truncated*: all maps after the first pool keep {TRUNCATED} of 15 frequencies. Maps that only 1x1
  convolutions without strides, sums and residuals read are stored in rows of coefficients.
- *with L2*: at most as fast as the L2 cache delivers what programs read. This is pessimistic: it
  assumes that a first-level cache only saves what the windows of one program share. The ideal has
  no such term. Where the difference is large, larger tiles or multicast would pay.
- *floor*: the larger of bytes and FLOPs, without waves and the 2 us.

Reading the image, the ingest and the copy of the result to the host are not included.
"""


@dataclass(frozen=True)
class Kernel:
    """A kernel of a network: its name, what it does, and what an ideal one does."""

    name: str
    form: str
    work: Work
    ideal: Work


def kernels(layers: Sequence[Layer], batch: int, precision: Precision) -> list[Kernel]:
    """Return the kernels of a network in order, including pools."""

    def pool(name: str, before: Layer, after: Layer) -> Kernel:
        maps = (before.convolution.y, after.convolution.x)
        work = elementwise_work(maps, batch, precision)
        return Kernel(name, "", work, work)

    def convolution(layer: Layer) -> Kernel:
        conv = layer.convolution
        tiling = default_tiling(conv, precision, batch)
        kernel = conv.launch(batch, precision, tiling).kernel.rpartition(":")[2]
        form = f"{kernel} {tiling.rows}x{tiling.channels}"
        work = conv_work(conv, batch, precision)
        return Kernel(layer.name, form, work, ideal_work(conv, batch, precision))

    stem, *body, classifier = map(convolution, layers)
    first = pool("max pool", layers[0], layers[1])
    last = pool("average pool", layers[-2], layers[-1])
    return [stem, first, *body, last, classifier]


def totals(made: Sequence[Kernel], precision: Precision, gpu: Gpu) -> tuple[float, float, float]:
    """Return the seconds of all kernels: ideal, predicted, and with traffic of the L2 cache."""
    return (
        sum(kernel.ideal.floor(precision, gpu) + OVERHEAD for kernel in made),
        sum(kernel.work.time(precision, gpu) for kernel in made),
        sum(kernel.work.cached_time(precision, gpu) for kernel in made),
    )


def page() -> str:
    """Return the page as Markdown."""
    parts = [_HEAD, "## GPUs\n", _gpus(), "## Totals\n", _totals(), "## Kernels\n"]
    parts.append(
        "Layers of the same shape share a row, named after the first.\n"
        "The columns of GPUs contain the floor and the predicted time in us.\n"
    )
    for name, layers in NETWORKS.items():
        for precision in PRECISIONS:
            for batch in BATCHES:
                parts.append(f"### {name}, {precision.name}, batch {batch}\n")
                parts.append(_kernel_table(layers, batch, precision))
    return "\n".join(parts)


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _number(value: float) -> str:
    """Format a positive number with three digits and no exponent."""
    digits = 2 if value < 10 else 1 if value < 100 else 0
    return f"{value:.{digits}f}" if value >= 1 else f"{value:.3f}"


def _gpus() -> str:
    header = (
        "GPU", "architecture", "memory TB/s", "16-bit TFLOP/s", "TF32 TFLOP/s", "float32 TFLOP/s",
        "multiprocessors", "L2 TB/s, assumed",
    )  # fmt: skip
    rows = []
    for gpu in GPUS.values():
        rates = (gpu.bandwidth, gpu.half, gpu.tf32, gpu.single)
        cells = (gpu.name, f"sm_{gpu.arch}", *(f"{rate / 1e12:g}" for rate in rates))
        rows.append((*cells, str(gpu.processors), f"{gpu.cache_bandwidth / 1e12:g}"))
    return _table(header, rows)


def _totals() -> str:
    header = (
        "network", "precision", "GPU", "batch", "ideal ms", "predicted ms", "to ideal",
        "to our exact one", "with L2 ms", "with L2, to ideal",
    )  # fmt: skip
    rows = []
    for precision, gpu, batch in itertools.product(PRECISIONS, GPUS.values(), BATCHES):
        for name, layers in NETWORKS.items():
            exact = kernels(NETWORKS[name.split()[0]], batch, precision)
            ideal, ours, _ = totals(exact, precision, gpu)
            _, own, cached = totals(kernels(layers, batch, precision), precision, gpu)
            times = (_number(ideal * 1e3), _number(own * 1e3), f"{own / ideal:.2f}")
            limited = (_number(cached * 1e3), f"{cached / ideal:.2f}")
            cells = (name, precision.name, gpu.name, str(batch))
            rows.append((*cells, *times, f"{own / ours:.2f}", *limited))
    return _table(header, rows)


def _kernel_table(layers: Sequence[Layer], batch: int, precision: Precision) -> str:
    header = ("layer", "times", "kernel", "MB", "GFLOP", *(gpu.name for gpu in GPUS.values()))
    counts: dict[tuple[str, Work, Work], int] = {}
    names: dict[tuple[str, Work, Work], str] = {}
    for kernel in kernels(layers, batch, precision):
        shape = (kernel.form, kernel.work, kernel.ideal)
        counts[shape] = counts.get(shape, 0) + 1
        names.setdefault(shape, kernel.name)
    rows = []
    for shape, count in counts.items():
        form, work, _ = shape
        cells = (names[shape], str(count), form, _number(work.bytes / 1e6))
        pairs = ((work.floor(precision, gpu), work.time(precision, gpu)) for gpu in GPUS.values())
        seconds = (f"{_number(floor * 1e6)} / {_number(time * 1e6)}" for floor, time in pairs)
        rows.append((*cells, _number(work.flops / 1e9) if work.flops else "-", *seconds))
    return _table(header, rows)


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else PAGE
    target.write_text(page(), encoding="utf-8")
