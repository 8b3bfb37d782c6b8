"""Time compiled residual networks, in units of the original's time in ONNX Runtime.

    python tests/benchmarks/networks.py CACHE [--network NAME,...] [--domain jpeg,auto]
        [--input tensor,coefficients] [--portable] [--lean] [--rounds N] [--json FILE]

The benchmark makes ResNet-18, -34, -50 and SE-ResNet-50 at 224x224 and ResNet-20 at 32x32 with
random weights, once, in the folder CACHE. It compiles each for both values of `--domain`, runs
`jpegcompile bench`, which checks the outputs first, and prints tables in Markdown. It writes FILE
anew after each model, so an interrupted run keeps its results.
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

from benchmarks.command import (
    add_timing_options,
    markdown_table,
    measure_networks,
    names_among,
    network_parser,
)

import jpegcompile

INPUTS = ("tensor", "coefficients")
DOMAINS = ("jpeg", "auto")


@dataclass(frozen=True)
class Goal:
    """Goal of the ratio of times.

    Attributes:
        most: largest ratio allowed.
        aim: ratio to aim at; None without an aim.
    """

    most: float
    aim: float | None = None

    def __str__(self) -> str:
        """Return the text for the column `at most (aim)`."""
        return f"{self.most:.2f}" if self.aim is None else f"{self.most:.2f} ({self.aim:.2f})"


@dataclass(frozen=True)
class Network:
    """A network of the benchmark.

    Attributes:
        name: name in tables and options.
        make: returns the PyTorch module.
        size: height and width of its input.
        batches: batch sizes to time.
        preprocess: name of a preset.
        goals: goals by value of `--domain`, and for the function bodies.
    """

    name: str
    make: Callable[[], Any]
    size: int
    batches: tuple[int, int]
    preprocess: str
    goals: Mapping[str, Goal]


def _made(size: int, **design: Any) -> Any:
    # The import of PyTorch takes seconds, and `--help` does not need it.
    from support.torch_layers import SqueezeExcite
    from support.torch_zoo import Design, build
    from torch import nn

    if design.pop("excites", False):
        design["attention"] = partial(SqueezeExcite, gate=nn.Sigmoid)
    return build(Design(**design), size)


def _imagenet(name: str, goals: Mapping[str, Goal], **design: Any) -> Network:
    make = partial(_made, 224, classes=1000, **design)
    # Files have the size of the network; `photographs.py` has files of any size.
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
    """Return the path of the network as ONNX, and export it if it does not exist."""
    path = cache / f"{network.name}.onnx"
    if not path.exists():
        from support.exports import export

        # An interrupted export must not leave a file under the final name.
        part = path.with_suffix(".part")
        export(network.make(), network.size, part, "torchscript")
        part.replace(path)
    return path


def compile_into(path: Path, source: Path, domain: str, options: Mapping[str, Any]) -> None:
    """Compile a network for a value of `--domain`."""
    jpegcompile.compile(source, domain=domain, **options).save(path)  # type: ignore[arg-type]


def measured(network: Network, arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yield the result of `bench` for each value of `--domain` and `--input`."""
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
                rounds=arguments.rounds,
                seconds=arguments.seconds,
                portable=arguments.portable,
            )
            named = {"network": network.name, "domain": domain, "input": kind}
            yield {**named, **result.to_json()}


def markdown(results: Sequence[Mapping[str, Any]]) -> str:
    """Return tables of the network alone, end to end, and of memory and session creation."""
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
    runs = [_run_text(batch, threads) for batch, threads in _runs(results)]
    memory = ["peak memory", "beyond the modules'", "session creation", "seconds"]
    parts = [
        _table("Network only", [*head, *runs, "largest", "at most (aim)"], alone),
        _table("From the bytes of files", [*head, "files", *runs], whole),
        _table("Memory and session creation (largest of the runs)", [*head, *memory], cost),
    ]
    return "\n\n".join(part for part in parts if part)


def _runs(results: Sequence[Mapping[str, Any]]) -> list[tuple[str, int]]:
    """Return batch and threads of each cell as text; the larger batch differs by network."""
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


def _run_text(batch: str, threads: int) -> str:
    """Return the name of a cell in tables and records."""
    return f"{batch}, {threads} thread{'s' if threads > 1 else ''}"


def _ratios(result: Mapping[str, Any], side: str, stage: str, inputs: str | None) -> list[float]:
    """Return the ratio of a stage in every cell."""
    return [
        timing["ratio"][side]
        for cell in result["cells"]
        for timing in cell["timings"]
        if (timing["stage"], timing["inputs"]) == (stage, inputs)
    ]


def _cost(result: Mapping[str, Any], side: str) -> list[str]:
    """Return the largest ratios of memory and session creation, and the seconds of the latter."""
    ratios = [cell["ratio"][side] for cell in result["cells"]]
    texts = []
    for what in ("memory", "own_memory", "creation"):
        values = [ratio[what] for ratio in ratios if ratio[what] is not None]
        texts.append(f"{max(values):.2f}" if values else "-")
    return [*texts, f"{max(cell['sides'][side]['creation'] for cell in result['cells']):.2f}"]


def _texts(values: Sequence[float]) -> list[str]:
    return [f"{value:.2f}" for value in values]


def _table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table with its title; an empty text without rows."""
    return f"{title}:\n\n{markdown_table(head, rows)}" if rows else ""


def rows_of(result: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a row of the record for each cell and side of a result of `bench`."""
    lead = {name: result[name] for name in ("network", "domain", "input") if name in result}
    for cell in result["cells"]:
        for side, costs in cell["sides"].items():
            times: dict[str, dict[str, Any]] = {"seconds": {}, "ratio": {}, "ratio_to": {}}
            for timing in cell["timings"]:
                stage = " ".join(filter(None, (timing["stage"], timing["inputs"])))
                times["seconds"][stage] = timing["seconds"][side]
                if side in timing["ratio"]:
                    times["ratio"][stage] = timing["ratio"][side]
                others = {name: of[side] for name, of in timing["ratio_to"].items() if side in of}
                if len(timing["ratio_to"]) > 1 and others:
                    times["ratio_to"][stage] = others
            yield {
                **lead,
                "batch": cell["batch"],
                "threads": cell["threads"],
                "run": _run_text(f"batch {cell['batch']}", cell["threads"]),
                "side": side,
                "creation_seconds": costs["creation"],
                "memory_bytes": costs["memory"],
                "costs": cell["ratio"].get(side, {}),
                **times,
            }


def main() -> None:
    """Measure and print the tables."""
    parser = network_parser(__doc__, [network.name for network in NETWORKS])
    add_timing_options(parser)
    parser.add_argument("--domain", type=names_among(DOMAINS), default=list(DOMAINS))
    parser.add_argument("--input", type=names_among(INPUTS), default=list(INPUTS))
    parser.add_argument("--portable", action="store_true", help="also time the function bodies")
    parser.add_argument("--lean", action="store_true", help="compile for little memory")
    arguments = parser.parse_args()
    print(markdown(measure_networks("networks", NETWORKS, measured, arguments, rows_of)))


if __name__ == "__main__":
    main()
