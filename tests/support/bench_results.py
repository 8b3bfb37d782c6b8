"""What `bench` prints as JSON, checked; no time is judged."""

from __future__ import annotations

from typing import Any

QUICK = ("--batches", 1, "--threads", 1, "--rounds", 1, "--seconds", 0)
STEPS = ["decode", "ingest", "network", "end to end"]


def steps_of(cell: Any) -> list[tuple[str, str | None]]:
    return [(timing["stage"], timing["inputs"]) for timing in cell["timings"]]


def assert_times(data: Any, sides: list[str]) -> None:
    """Everything is there for every side, and of a sane kind."""
    for cell in data["cells"]:
        assert list(cell["sides"]) == sides
        for timing in cell["timings"]:
            assert list(timing["seconds"]) == list(timing["rounds"]) == sides
            assert list(timing["ratio"]) == sides[1:]
            assert all(len(values) == data["rounds"] for values in timing["rounds"].values())
            assert all(seconds > 0 for seconds in timing["seconds"].values())
        for name, side in cell["sides"].items():
            assert side["creation"] > 0
            # Linux tells the peak; the modules alone take more than this.
            assert side["memory"] is None or side["memory"] >= side["base"] > 10e6
            assert (side["check"] is None) == (name == "spatial")
        for ratio in cell["ratio"].values():
            assert list(ratio) == ["creation", "memory", "own_memory"]
