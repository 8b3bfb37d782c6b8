"""Running one batch: what ONNX Runtime cannot run is an error with the reason."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
from support.codes import refused

from jpegcompile.errors import UnsupportedModelError
from jpegcompile.runtime.batch import run_batch


class Failing:
    """A session whose run fails, as ONNX Runtime's does, with a message of several lines."""

    def get_inputs(self) -> list[Any]:
        return [SimpleNamespace(name="x", type="tensor(float)", shape=["N", 3])]

    def run(self, names: list[str], feeds: dict[str, Any]) -> list[Any]:
        raise RuntimeError("Non-zero status code\nwhile running Conv node")


def test_a_failed_run_says_why() -> None:
    session: Any = Failing()
    with refused("runtime-run-failed", UnsupportedModelError) as caught:
        run_batch(session, ["y"], {"x": np.zeros((2, 3), np.float32)}, None)
    assert "while running Conv node" in str(caught.value)
