"""Descriptions of other libraries' preprocessing."""

from __future__ import annotations

from typing import Any

import pytest

from jpegcompile.errors import UsageError
from jpegcompile.preprocessing.reading import preprocess_of

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
HALF = (0.5, 0.5, 0.5)


def refusal(spec: Any) -> str:
    """The code of the error for a description."""
    with pytest.raises(UsageError) as caught:
        preprocess_of(spec)
    return caught.value.code


def without(data: dict[str, Any], name: str) -> dict[str, Any]:
    return {other: value for other, value in data.items() if other != name}
