"""A compiled model for the tests of commands."""

from __future__ import annotations

import pytest

import jpegcompile
from jpegcompile.digits import model_path


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("compiled") / "digits.jpeg.onnx"
    jpegcompile.compile(model_path(), preprocess="unit").save(path)
    return str(path)
