"""Operators of ONNX that are several operators of PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import onnx_graphsurgeon as gs

Maker = Callable[[gs.Node, Callable[[gs.Tensor], Any], int], Any]

MORE: Mapping[str, Maker] = {}
