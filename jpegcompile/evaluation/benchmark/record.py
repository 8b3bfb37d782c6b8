"""JSON records of benchmarks: the results, and the machine and versions they were measured with.

Every benchmark script has the option `--json FILE`, which writes one such record:

    {"benchmark": "conv", "date": "2026-01-31",
     "machine": {"processor": "AMD EPYC 9654", "processors": "2 processors", ...},
     "versions": {"jpegcompile": "1.0", "python": "3.12.3", "numpy": "2.1.0", ...},
     "settings": {"rounds": 15, ...},
     "rows": [{"layer/inputs": 64, "seconds/direct": 0.0022, ...}, ...]}

Rows are flat: a column is a number, a text, a boolean or null. A nested value becomes one column
per item, with a path such as "layer/inputs" as its name. Items of lists are named by their index.
`docs/make.py` writes the tables of the documentation from records in `docs/results/`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from jpegcompile.processors import available_processors
from jpegcompile.version import __version__

# Packages whose versions change what a benchmark measures, by the names that pip uses.
PACKAGES = (
    "numpy", "onnxruntime", "onnxruntime-gpu", "pillow", "torch", "torchvision", "triton",
    "openvino", "ncnn", "simplejpeg", "opencv-python-headless",
)  # fmt: skip

SEPARATOR = "/"

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Record:
    """The result of one run of a benchmark.

    Attributes:
        benchmark: name of the benchmark.
        rows: columns by name; may be nested.
        settings: other settings that the results depend on, such as rounds and threads.
    """

    benchmark: str
    rows: Sequence[Row]
    settings: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return JSON-ready data, for the machine and the packages of this process."""
        return {
            "benchmark": self.benchmark,
            "date": datetime.now(UTC).date().isoformat(),
            "machine": machine(),
            "versions": versions(),
            "settings": dict(self.settings),
            "rows": [flat(row) for row in self.rows],
        }

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write the record as JSON."""
        text = json.dumps(self.to_json(), indent=2, allow_nan=False) + "\n"
        Path(path).write_text(text, encoding="utf-8")


def add_json_option(parser: argparse.ArgumentParser) -> None:
    """Add `--json FILE`, which every benchmark has."""
    parser.add_argument("--json", type=Path, metavar="FILE", help="write a record of the figures")


def parser_for(text: str | None, *, rounds: int | None = None) -> argparse.ArgumentParser:
    """Return a parser with the options that all benchmarks share.

    Args:
        text: docstring of the module; its first line describes the command.
        rounds: default of `--rounds`; None if the benchmark has no such option.
    """
    parser = argparse.ArgumentParser(description=(text or "").splitlines()[0])
    if rounds is not None:
        parser.add_argument(
            "--rounds", type=int, default=rounds, help=f"measurements of each pipeline ({rounds})"
        )
    add_json_option(parser)
    return parser


def machine() -> dict[str, str]:
    """Return the processor, the number of processors this process may use, and the system."""
    count = available_processors()
    return {
        "processor": _processor(),
        "processors": f"{count} processor{'s' if count > 1 else ''}",
        "system": f"{platform.system()} {platform.machine()}",
    }


def versions(packages: Iterable[str] = PACKAGES) -> dict[str, str]:
    """Return the versions of jpegcompile, Python and the packages that are installed."""
    found = {"jpegcompile": __version__, "python": platform.python_version()}
    for name in packages:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def flat(row: Row) -> dict[str, Any]:
    """Return a row with a column for each nested value: {"a": {"b": 1}} becomes {"a/b": 1}."""
    columns: dict[str, Any] = {}
    for name, value in row.items():
        nested_value = dict(enumerate(value)) if isinstance(value, list | tuple) else value
        if isinstance(nested_value, Mapping):
            inner = flat({str(key): item for key, item in nested_value.items()})
            columns |= {f"{name}{SEPARATOR}{key}": item for key, item in inner.items()}
        else:
            columns[name] = value
    return columns


def nested(row: Row) -> dict[str, Any]:
    """Return the nested row of a flat row; the inverse of `flat`."""
    result: dict[str, Any] = {}
    for name, value in row.items():
        *path, last = name.split(SEPARATOR)
        inner = result
        for part in path:
            inner = inner.setdefault(part, {})
        inner[last] = value
    return {name: _with_lists(value) for name, value in result.items()}


def _with_lists(value: Any) -> Any:
    """Return a value in which mappings from 0, 1, ... are lists."""
    if not isinstance(value, dict):
        return value
    inner = {name: _with_lists(item) for name, item in value.items()}
    is_list = list(inner) == [str(index) for index in range(len(inner))]
    return list(inner.values()) if is_list else inner


def _processor() -> str:
    """Return the name of the processor's model."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as stream:
            for line in stream:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass  # A system without /proc.
    return platform.processor() or platform.machine()
