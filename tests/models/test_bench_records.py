"""Records of benchmarks, and interleaved rounds."""

from __future__ import annotations

import argparse
import itertools
import json
from pathlib import Path

import pytest

from jpegcompile.evaluation.benchmark.record import (
    Record,
    add_json_option,
    flat,
    machine,
    nested,
    parser_for,
    versions,
)
from jpegcompile.evaluation.benchmark.rounds import (
    Rounds,
    interleaved,
    median_for,
    rotated,
    timed,
)
from jpegcompile.processors import available_processors
from jpegcompile.progress import Steps
from jpegcompile.version import __version__


def test_a_record_names_machine_versions_and_settings(tmp_path: Path) -> None:
    rows = [{"layer": {"inputs": 3}, "sides": [7, 5], "seconds": 0.5, "name": None}]
    path = tmp_path / "record.json"
    Record("conv", rows, {"rounds": 9}).write(path)
    data = json.loads(path.read_text(encoding="utf-8"))
    assert list(data) == ["benchmark", "date", "machine", "versions", "settings", "rows"]
    assert data["benchmark"] == "conv"
    assert data["settings"] == {"rounds": 9}
    assert data["machine"] == machine()
    assert data["machine"]["processors"].split()[0] == str(available_processors())
    assert data["versions"]["jpegcompile"] == __version__
    assert {"python", "numpy", "onnxruntime"} <= set(data["versions"])
    assert data["rows"] == [
        {"layer/inputs": 3, "sides/0": 7, "sides/1": 5, "seconds": 0.5, "name": None}
    ]


def test_a_record_holds_finite_numbers_only(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="nan"):
        Record("conv", [{"seconds": float("nan")}]).write(tmp_path / "record.json")


def test_packages_that_are_not_installed_have_no_version() -> None:
    assert set(versions(["numpy", "no-such-package-here"])) == {"jpegcompile", "python", "numpy"}


def test_nested_rows_return() -> None:
    row = {"a": {"b": {"c": 1}, "d": [2, 3]}, "e": "text"}
    assert flat(row) == {"a/b/c": 1, "a/d/0": 2, "a/d/1": 3, "e": "text"}
    assert nested(flat(row)) == row


def test_the_options_of_every_benchmark() -> None:
    parser = parser_for("Time it.\n\nMore.", rounds=5)
    assert parser.description == "Time it."
    assert vars(parser.parse_args([])) == {"rounds": 5, "json": None}
    plain = argparse.ArgumentParser()
    add_json_option(plain)
    assert plain.parse_args(["--json", "file"]).json == Path("file")
    assert "rounds" not in vars(parser_for("Time it.").parse_args([]))


def test_each_round_begins_with_another_way() -> None:
    order: list[str] = []

    def measurement(name: str) -> float:
        order.append(name)
        return float(len(order))

    names = ("a", "b", "c")
    found = interleaved({n: (lambda n=n: measurement(n)) for n in names}, 3, warm_up=1)  # type: ignore[misc]
    assert "".join(order) == "cababcbcacab"
    # The round that warms up does not count.
    assert found.seconds == {"a": [4, 9, 11], "b": [5, 7, 12], "c": [6, 8, 10]}
    assert rotated([], 3) == []


def test_medians_and_ratios() -> None:
    # A slow round moves both, and neither the ratio.
    found = Rounds({"old": [1.0, 10.0, 1.2], "new": [0.5, 5.0, 0.9]})
    assert found.medians() == {"old": 1.2, "new": 0.9}
    assert found.ratio("new", "old") == 0.5
    assert found.ratios("old") == {"old": 1.0, "new": 0.5}


def test_a_clock_around_a_call() -> None:
    ticks = itertools.count(start=0.0, step=0.25)
    assert timed(lambda: None, lambda: next(ticks))() == 0.25
    calls: list[int] = []
    ticks = itertools.count(start=0.0, step=0.25)
    taken = median_for(lambda: calls.append(1), 0.0, warm_up=2, fewest=3, clock=lambda: next(ticks))
    assert (taken, len(calls)) == (0.25, 5)


def test_steps_report_to_a_progress() -> None:
    seen: list[tuple[int, int]] = []
    steps = Steps(lambda done, total: seen.append((done, total)), 5)
    steps()
    steps(3)
    assert seen == [(1, 5), (4, 5)]
    silent = Steps(None, 5)
    silent(2)
    assert silent.done == 2
