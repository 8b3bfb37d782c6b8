"""The rivals by name, and which of them take part."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from jpegcompile.errors import UsageError
from jpegcompile.evaluation.benchmark.rivals.names import (
    OPENCV,
    PILLOW,
    TORCHVISION,
)
from jpegcompile.evaluation.benchmark.rivals.target import Target, Values
from jpegcompile.preprocessing.geometry import Geometry
from jpegcompile.preprocessing.steps import Filter

Reader = Callable[[bytes], Values]


@dataclass(frozen=True)
class Rival:
    """One way from the bytes of a file to the original model's input.

    Attributes:
        name: for options, tables and JSON.
        modules: that it needs besides what jpegcompile itself does.
        install: what pip is given to install them.
        resize: says what it resizes with, for a filter of preprocessing.
        make: its reader; called in the process that is timed, which is where modules are imported.
        turns: whether it can apply the EXIF orientation.
    """

    name: str
    modules: tuple[str, ...]
    install: str
    resize: Callable[[Filter], str]
    make: Callable[[Target], Reader]
    turns: bool = True

    def obstacle(self, geometry: Geometry) -> str | None:
        """Why it cannot take part; None if it can."""
        missing = [name for name in self.modules if importlib.util.find_spec(name) is None]
        if missing:
            return f"not installed; pip install {self.install}"
        return self._failure() or self._lack(geometry)

    def _lack(self, geometry: Geometry) -> str | None:
        if geometry.orientation and not self.turns:
            return "does not apply the EXIF orientation"
        return None

    def _failure(self) -> str | None:
        """What importing its modules ends with; None if that works, or there are none."""
        if not self.modules:
            return None
        # A torchvision that does not fit its PyTorch is found, and fails only here.
        done = subprocess.run(
            [sys.executable, "-P", "-c", f"import {', '.join(self.modules)}"],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode == 0:
            return None
        lines = done.stderr.strip().splitlines() or ["it says nothing"]
        return f"cannot be imported: {lines[-1]}; install it again"

    def resize_text(self, geometry: Geometry) -> str:
        """What it resizes with; empty where that is not asked for."""
        return "" if geometry.resize is None else self.resize(geometry.resize.filter)


@dataclass(frozen=True)
class Chosen:
    """Which rivals take part.

    Attributes:
        rivals: what each resizes with, by name.
        left_out: why others do not take part, by name.
        read_by_pillow: how many files Pillow reads for a rival, by name; only those with any.
    """

    rivals: Mapping[str, str]
    left_out: Mapping[str, str]
    read_by_pillow: Mapping[str, int] = field(default_factory=dict)


def _pillow(target: Target) -> Reader:
    from jpegcompile.evaluation.benchmark.rivals.pillow import simple_reader

    return simple_reader(target)


def _pillow_box(target: Target) -> Reader:
    from jpegcompile.evaluation.benchmark.rivals.pillow import box_reader

    return box_reader(target)


def _opencv(target: Target) -> Reader:
    from jpegcompile.evaluation.benchmark.rivals.opencv import reader

    return reader(target)


def _torchvision(target: Target) -> Reader:
    from jpegcompile.evaluation.benchmark.rivals.torchvision import reader

    return reader(target)


def _by_torchvision(filter: Filter) -> str:
    text = f"torchvision's {TORCHVISION[filter.name]}"
    return f"{text}, antialiased" if filter.is_antialiased else text


PILLOW_AS_WRITTEN = "pillow"

RIVALS: Mapping[str, Rival] = {
    rival.name: rival
    for rival in (
        Rival(
            PILLOW_AS_WRITTEN,
            (),
            "pillow",
            lambda filter: f"Pillow's {PILLOW[filter.name]}",
            _pillow,
        ),
        Rival(
            "pillow-box",
            (),
            "pillow",
            lambda filter: f"Pillow's {PILLOW[filter.name]} of the crop, behind draft",
            _pillow_box,
        ),
        Rival(
            "simplejpeg+opencv",
            ("simplejpeg", "cv2"),
            "simplejpeg opencv-python-headless",
            lambda filter: f"OpenCV's {OPENCV[filter.name]}",
            _opencv,
            turns=False,
        ),
        Rival("torchvision", ("torchvision",), "torchvision", _by_torchvision, _torchvision),
    )
}


def chosen_rivals(names: Sequence[str] | None, geometry: Geometry) -> Chosen:
    """The rivals of that name, or all that can take part.

    Raises:
        UsageError: if one that is named is unknown or cannot take part, or none is named.
    """
    for name in names or ():
        if name not in RIVALS:
            raise UsageError(f"rival is '{name}'; use some of {', '.join(RIVALS)}")
    if names is not None and not names:
        raise UsageError("no rival is given; give one at least")
    taking_part, left_out = {}, {}
    for name, rival in RIVALS.items():
        if names is not None and name not in names:
            continue
        obstacle = rival.obstacle(geometry)
        if obstacle is None:
            taking_part[name] = rival.resize_text(geometry)
        elif names is not None:
            raise UsageError(f"rival {name}: {obstacle}")
        else:
            left_out[name] = obstacle
    return Chosen(taking_part, left_out)
