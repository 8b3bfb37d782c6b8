"""Arguments and models that `bench` refuses, and errors of its worker processes."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import onnx
import pytest
from support.codes import refused
from support.tiny_residual import tiny_residual

import jpegcompile
from jpegcompile import errors
from jpegcompile.errors import UsageError
from jpegcompile.evaluation.benchmark import worker
from jpegcompile.evaluation.benchmark.job import Failure, Job
from jpegcompile.runtime.outputs import without_rows


@pytest.mark.parametrize(
    ("options", "code", "name"),
    [
        ({"batches": [2, 0]}, "bench-number-out-of-range", "batch"),
        ({"threads": [0]}, "bench-number-out-of-range", "threads"),
        ({"rounds": 0}, "bench-number-out-of-range", "rounds"),
        ({"threads": []}, "bench-no-threads", "threads"),
        ({"seconds": -0.5}, "bench-seconds-out-of-range", "seconds"),
        ({"seconds": float("nan")}, "bench-seconds-out-of-range", "seconds"),
    ],
)
def test_numbers(options: dict[str, Any], code: str, name: str) -> None:
    with refused(code, UsageError) as caught:
        jpegcompile.bench("source.onnx", "compiled.onnx", **options)
    assert str(caught.value).startswith(f"{name} is ")


def test_another_batch_than_the_fixed_one(tmp_path: Path) -> None:
    source, compiled = tmp_path / "source.onnx", tmp_path / "compiled.onnx"
    onnx.save(tiny_residual(batch=2), source)
    jpegcompile.compile(source, input="tensor").save(compiled)
    with refused("bench-fixed-batch", UsageError) as caught:
        jpegcompile.bench(source, compiled, batches=[1])
    assert str(caught.value).startswith(f"{source}: ")


def test_a_worker_without_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        """A worker that needs more memory than there is."""

        def __init__(self, _: Job) -> None:
            raise MemoryError

    monkeypatch.setattr(worker, "Worker", Full)
    monkeypatch.setattr(worker, "job_of", lambda data: data)
    answers = io.StringIO()
    worker.serve(io.StringIO(json.dumps(["open", [{}]]) + "\n"), answers)
    failure = Failure(**json.loads(answers.getvalue())["error"])
    assert (failure.kind, failure.code) == ("AccessError", "bench-out-of-memory")


def test_an_error_of_another_module_in_a_worker() -> None:
    """Its class has no name in the process that started the worker; its base class has."""
    failure = Failure.of(without_rows("y"))
    assert (failure.kind, failure.code) == ("UsageError", without_rows("y").code)
    assert issubclass(getattr(errors, failure.kind), UsageError)
