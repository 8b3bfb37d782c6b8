"""Records to JSON and back."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, ClassVar, Literal

import numpy as np
import pytest

from jpegcompile.dct.frequencies import ALL
from jpegcompile.messages import Message
from jpegcompile.report import CallReport, NodeReport, Report
from jpegcompile.results.merging import exact_sum
from jpegcompile.results.record import Record, Unbounded


@dataclass(frozen=True)
class Inner(Record):
    """One number."""

    number: Unbounded
    pair: tuple[int, str] = (1, "a")


@dataclass(frozen=True)
class Outer(Record):
    """A record of records."""

    kind: ClassVar[str] = "outer"
    computed: ClassVar[tuple[str, ...]] = ("double",)

    inner: Inner
    many: tuple[Inner, ...] = ()
    by_class: Mapping[int, float] = field(default_factory=dict)
    choice: Literal["a", "b"] = "a"
    maybe: int | None = None
    times: Sequence[float] = ()

    @property
    def double(self) -> float:
        """Twice the number."""
        return 2 * self.inner.number


RECORD = Outer(Inner(math.inf), (Inner(1.0), Inner(2.5, (3, "c"))), {4: 0.5}, "b", 7, (0.5, 1.0))


def test_there_and_back() -> None:
    data = RECORD.to_json()
    assert (data["kind"], data["double"], data["by_class"]) == ("outer", math.inf, {"4": 0.5})
    data["inner"]["number"] = None
    assert Outer.from_json(json.loads(json.dumps(data))) == RECORD
    assert Outer.from_json({"kind": "outer", "inner": {"number": 1}}) == Outer(Inner(1.0))


@pytest.mark.parametrize(
    ("key", "value", "place"),
    [
        ("kind", "inner", "Outer.kind"),
        ("inner", 3, "Outer.inner"),
        ("inner", {}, "Outer.inner lacks the key 'number'"),
        ("many", [{"number": "x"}], "Outer.many[0].number"),
        ("many", [{"number": 1, "pair": [1]}], "Outer.many[0].pair"),
        ("by_class", {"4": True}, "Outer.by_class['4']"),
        ("choice", "c", "Outer.choice"),
        ("maybe", True, "Outer.maybe"),
        ("maybe", "7", "Outer.maybe"),
        ("times", [1.0, "2"], "Outer.times[1]"),
    ],
)
def test_other_data_are_refused(key: str, value: Any, place: str) -> None:
    data = {**RECORD.to_json(), key: value}
    with pytest.raises(ValueError, match=f"^{re.escape(place)}"):
        Outer.from_json(data)


def test_sums_are_exact() -> None:
    generator = np.random.default_rng(0)
    values = [
        float(v) for v in generator.normal(size=300) * 10.0 ** generator.integers(-30, 30, 300)
    ]
    exact = sum(map(Fraction, values))
    assert sum(map(Fraction, exact_sum(values))) == exact
    for cut in (1, 100, 250):
        parts = exact_sum(values[:cut]), exact_sum(values[cut:])
        assert exact_sum((*parts[0], *parts[1])) == exact_sum(values)
    assert exact_sum([]) == ()
    assert exact_sum([1.0, -1.0]) == ()
    for bad in (math.inf, -math.inf, math.nan):
        assert exact_sum([1.0, bad]) == (math.inf,)
    assert exact_sum([1e308, 1e308]) == (math.inf,)


def test_reports_of_older_files() -> None:
    """Format 1 had neither domains nor calls nor codes."""
    node = {
        "name": "c",
        "op": "Conv",
        "status": "kept",
        "reason": "too wide",
        "input_block": None,
        "output_block": None,
        "output_shape": ["N", 4, 8, 8],
        "multiply_adds": 12,
        "transform_multiply_adds": 0,
    }
    report = Report.from_json({"nodes": [node], "notes": ["a note"], "casts": 2})
    assert report.nodes == [
        NodeReport("c", "Conv", "kept", "too wide", None, None, ("N", 4, 8, 8), 12, 0)
    ]
    assert (report.notes, report.casts, report.domain) == (["a note"], 2, "jpeg")


def test_reports_there_and_back() -> None:
    report = Report(order=["b", "a"], notes=["n"], casts=1, domain="auto", trained_size=(8, 9))
    reason = Message("kernel-shape-unknown", "no shape")
    report.add(NodeReport("a", "Relu", "lowered", "", 8, 8, (1, 2), 1, 2, "asm", ALL, 3))
    report.add(NodeReport("b", "Conv", "kept", reason, None, None, ("N", 2), 1, 2))
    report.calls.append(CallReport("a", ("Relu",), "", ("NCHW",), "NCHW", "none"))
    again = Report.from_json(json.loads(json.dumps(report.to_json())))
    assert again == report
    assert again.to_json() == report.to_json()
    assert again.node("b").reason.code == "kernel-shape-unknown"  # type: ignore[attr-defined]
