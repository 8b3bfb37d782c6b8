"""Earlier names of keyword arguments: they work for one version, with a notice."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from jpegcompile.errors import RenamedWarning
from jpegcompile.options.option import REMOVED_IN, Option

P = ParamSpec("P")
R = TypeVar("R")


def renamed_text(before: str, now: str) -> str:
    """Return the notice about an earlier spelling."""
    return f"{before} is now {now}; the old spelling works until version {REMOVED_IN}"


def accepts_earlier(*options: Option[Any]) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let a function accept the earlier names of these options.

    An earlier name issues a `RenamedWarning`. A call with both names is a `TypeError`.
    """
    present = {before: option.name for option in options for before in option.earlier_names}

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        name = getattr(function, "__name__", "function")

        @wraps(function)
        def accepting(*args: P.args, **kwargs: P.kwargs) -> R:
            for before in present.keys() & kwargs.keys():
                now = present[before]
                if now in kwargs:
                    raise TypeError(f"{name}() got both '{now}' and its earlier name '{before}'")
                text = renamed_text(f"{name}({before}=...)", f"{name}({now}=...)")
                warnings.warn(text, RenamedWarning, stacklevel=2)
                kwargs[now] = kwargs.pop(before)
            return function(*args, **kwargs)

        return accepting

    return decorate
