"""The version of the standard operators among the imports of a model."""

from __future__ import annotations

import pytest
from onnx import helper

from jpegcompile.opset import standard_opset


@pytest.mark.parametrize("domain", ["", "ai.onnx"])
def test_both_spellings_of_the_standard_domain(domain: str) -> None:
    imports = [helper.make_opsetid("com.example", 3), helper.make_opsetid(domain, 17)]
    assert standard_opset(imports) == 17


def test_a_model_without_standard_operators() -> None:
    assert standard_opset([helper.make_opsetid("com.example", 3)]) == 0
