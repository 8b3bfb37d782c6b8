"""How fast compiled residual networks are, in units of the original's time in ONNX Runtime.

    python tests/benchmarks/networks.py CACHE [--network NAME,...] [--domain jpeg,auto]
        [--input tensor,coefficients] [--portable] [--lean] [--json FILE]

Makes ResNet-18, -34, -50 and SE-ResNet-50 at 224x224 and ResNet-20 at 32x32 with random weights
(once, in the folder CACHE), compiles each for both domains, runs `jpegcompile bench`, which checks
the outputs first, and prints tables in Markdown. FILE is written after each model, so that what was
measured is there if it is interrupted.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.command import names_of, parser_of, results_of, table_of

import jpegcompile

INPUTS = ("tensor", "coefficients")
DOMAINS = ("jpeg", "auto")


@dataclass(frozen=True)
class Goal:
    """Ratios of the network's time: at most, and aimed at; None where there is no aim."""

    most: float
    aim: float | None = None

    def __str__(self) -> str:
        """As in the heading `at most (aim)`."""
        return f"{self.most:.2f}" if self.aim is None else f"{self.most:.2f} ({self.aim:.2f})"


@dataclass(frozen=True)
class Network:
    """A network of the benchmark.

    Attributes:
        name: for tables and options.
        make: the PyTorch module.
        size: height and width of its input.
        batches: that are timed.
        preprocess: a preset.
        goals: by domain, and for the function bodies.
    """

    name: str
    make: Callable[[], Any]
    size: int
    batches: tuple[int, int]
    preprocess: str
    goals: Mapping[str, Goal]


def _made(size: int, **design: Any) -> Any:
    # PyTorch takes seconds to import, and tables need none of it.
    from support.torch_layers import SqueezeExcite
    from support.torch_zoo import Design, build
    from torch import nn

    if design.pop("excites", False):
        design["attention"] = partial(SqueezeExcite, gate=nn.Sigmoid)
    return build(Design(**design), size)


def _imagenet(name: str, goals: Mapping[str, Goal], **design: Any) -> Network:
    make = partial(_made, 224, classes=1000, **design)
    # Files have the network's size; `photographs.py` has those of any.
    return Network(name, make, 224, (1, 8), "imagenet-unresized", goals)


_BASIC = {"jpeg": Goal(0.90, 0.65), "auto": Goal(0.75, 0.55), "bodies": Goal(2)}
_BOTTLENECK = {"jpeg": Goal(1.05, 0.85), "auto": Goal(0.95, 0.75), "bodies": Goal(2)}
_SMALL = {"jpeg": Goal(1.10, 0.75), "auto": Goal(0.95, 0.65), "bodies": Goal(4)}
_CIFAR: dict[str, Any] = {"stem": "cifar", "widths": (16, 32, 64), "depths": (3, 3, 3)}

NETWORKS = (
    _imagenet("ResNet-18", _BASIC, block="basic", depths=(2, 2, 2, 2)),
    _imagenet("ResNet-34", _BASIC, block="basic", depths=(3, 4, 6, 3)),
    _imagenet("ResNet-50", _BOTTLENECK, block="bottleneck", depths=(3, 4, 6, 3)),
    _imagenet("SE-ResNet-50", _BOTTLENECK, block="bottleneck", depths=(3, 4, 6, 3), excites=True),
    Network(
        "ResNet-20", partial(_made, 32, shortcut="pad", **_CIFAR), 32, (1, 32), "cifar10", _SMALL
    ),
)


def source_of(network: Network, cache: Path) -> Path:
    """The network as ONNX, exported if it is not there yet."""
    path = cache / f"{network.name}.onnx"
    if not path.exists():
        from support.exports import export

        # Under another name until it is whole.
        part = path.with_suffix(".part")
        export(network.make(), network.size, part, "torchscript")
        part.replace(path)
    return path


def compile_into(path: Path, source: Path, domain: str, options: Mapping[str, Any]) -> None:
    """Compile for a domain."""
    jpegcompile.compile(source, domain=domain, **options).save(path)  # type: ignore[arg-type]


def measured(network: Network, arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """What `bench` says of each domain and kind of input."""
    source = source_of(network, arguments.cache)
    for domain in arguments.domain:
        for kind in arguments.input:
            path = arguments.cache / f"{network.name}.{domain}.{kind}.onnx"
            options = {"input": kind, "preprocess": network.preprocess, "lean": arguments.lean}
            compile_into(path, source, domain, options)
            print(f"{network.name}, {domain}, {kind}", file=sys.stderr)
            result = jpegcompile.bench(
                source,
                path,
                batches=network.batches,
                threads=arguments.threads,
                rounds=arguments.repeats,
                seconds=arguments.seconds,
                portable=arguments.portable,
            )
            named = {"network": network.name, "domain": domain, "input": kind}
            yield {**named, **result.to_json()}


def markdown(results: Sequence[Mapping[str, Any]]) -> str:
    """Tables of the network alone, of the way from bytes, and of memory and session creation."""
    goals = {network.name: network.goals for network in NETWORKS}
    alone, whole, cost = [], [], []
    for result in results:
        for side in ("compiled", "portable"):
            if side not in result["cells"][0]["sides"]:
                continue
            kind = "bodies" if side == "portable" else result["domain"]
            lead = [result["network"], result["domain"], result["input"]]
            lead[1] += ", bodies" if side == "portable" else ""
            goal = goals[result["network"]].get(kind)
            ratios = _ratios(result, side, "network", None)
            alone.append([*lead, *_texts(ratios), f"{max(ratios):.2f}", str(goal or "-")])
            for name in result["inputs"]:
                ratios = _ratios(result, side, "end to end", name)
                if ratios:
                    whole.append([*lead, name, *_texts(ratios)])
            cost.append([*lead, *_cost(result, side)])
    head = ["network", "domain", "input"]
    runs = [f"{batch}, {count} thread{'s' if count > 1 else ''}" for batch, count in _runs(results)]
    memory = ["peak memory", "beyond the modules'", "session creation", "seconds"]
    parts = [
        _table("Network only", [*head, *runs, "largest", "at most (aim)"], alone),
        _table("From the bytes of files", [*head, "files", *runs], whole),
        _table("Memory and session creation (largest of the runs)", [*head, *memory], cost),
    ]
    return "\n\n".join(part for part in parts if part)


def _runs(results: Sequence[Mapping[str, Any]]) -> list[tuple[str, int]]:
    """Batch and threads of each cell; of the larger batch, networks have their own."""
    cells = [(cell["batch"], cell["threads"]) for cell in results[0]["cells"]]
    batches = list(dict.fromkeys(batch for batch, _ in cells))
    sizes = {
        batch: "/".join(
            dict.fromkeys(
                str(list(dict.fromkeys(c["batch"] for c in result["cells"]))[index])
                for result in results
            )
        )
        for index, batch in enumerate(batches)
    }
    return [(f"batch {sizes[batch]}", count) for batch, count in cells]


def _ratios(result: Mapping[str, Any], side: str, stage: str, inputs: str | None) -> list[float]:
    """Of every cell."""
    return [
        timing["ratio"][side]
        for cell in result["cells"]
        for timing in cell["timings"]
        if (timing["stage"], timing["inputs"]) == (stage, inputs)
    ]


def _cost(result: Mapping[str, Any], side: str) -> list[str]:
    """The largest ratios of memory and of session creation, and its seconds."""
    ratios = [cell["ratio"][side] for cell in result["cells"]]
    texts = []
    for what in ("memory", "own_memory", "creation"):
        values = [ratio[what] for ratio in ratios if ratio[what] is not None]
        texts.append(f"{max(values):.2f}" if values else "-")
    return [*texts, f"{max(cell['sides'][side]['creation'] for cell in result['cells']):.2f}"]


def _texts(values: Sequence[float]) -> list[str]:
    return [f"{value:.2f}" for value in values]


def _table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """One table; nothing without rows."""
    return f"{title}:\n\n{table_of(head, rows)}" if rows else ""


def main() -> None:
    """Measure and print the tables."""
    parser = parser_of(__doc__, [network.name for network in NETWORKS])
    parser.add_argument("--domain", type=names_of(DOMAINS), default=list(DOMAINS))
    parser.add_argument("--input", type=names_of(INPUTS), default=list(INPUTS))
    parser.add_argument("--portable", action="store_true", help="time the function bodies, too")
    parser.add_argument("--lean", action="store_true", help="compile for little memory")
    print(markdown(results_of(NETWORKS, measured, parser.parse_args())))


if __name__ == "__main__":
    main()
