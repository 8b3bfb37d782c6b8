"""All rivals by name, and the choice of rivals to time."""

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
from jpegcompile.messages import Message
from jpegcompile.preprocessing.geometry import Geometry
from jpegcompile.preprocessing.steps import Filter

Reader = Callable[[bytes], Values]


@dataclass(frozen=True)
class Rival:
    """A reader from the bytes of a file to the original model's input.

    Attributes:
        name: name in options, tables and JSON.
        modules: modules that it requires, besides the requirements of jpegcompile.
        install: arguments of `pip install` for these modules.
        resize: describes the resize for a filter of preprocessing.
        make: returns its reader; called in the worker process, which imports the modules.
        turns: whether it can apply the EXIF orientation.
    """

    name: str
    modules: tuple[str, ...]
    install: str
    resize: Callable[[Filter], str]
    make: Callable[[Target], Reader]
    turns: bool = True

    def obstacle(self, geometry: Geometry) -> Message | None:
        """Return the reason why the rival cannot be used; None if it can."""
        missing = [name for name in self.modules if importlib.util.find_spec(name) is None]
        if missing:
            return Message("rival-not-installed", f"not installed; pip install {self.install}")
        return self._failure() or self._lack(geometry)

    def _lack(self, geometry: Geometry) -> Message | None:
        """Return the part of preprocessing that the rival lacks; None if it lacks none."""
        if geometry.orientation and not self.turns:
            return Message("rival-without-orientation", "does not apply the EXIF orientation")
        return None

    def _failure(self) -> Message | None:
        """Return the error of importing the modules; None if there is none."""
        if not self.modules:
            return None
        # `find_spec` finds a torchvision that does not match PyTorch, but importing it fails.
        done = subprocess.run(
            [sys.executable, "-P", "-c", f"import {', '.join(self.modules)}"],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode == 0:
            return None
        lines = done.stderr.strip().splitlines() or ["no error message"]
        text = f"cannot be imported: {lines[-1]}; install it again"
        return Message("rival-import-failed", text)

    def resize_text(self, geometry: Geometry) -> str:
        """Return a description of the resize; empty without a resize."""
        return "" if geometry.resize is None else self.resize(geometry.resize.filter)


@dataclass(frozen=True)
class Chosen:
    """The rivals to time.

    Attributes:
        rivals: description of the resize of each rival, by name.
        left_out: reasons why other rivals are left out, by name.
        read_by_pillow: number of files that Pillow reads for a rival, by name, if there are any.
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
            lambda filter: f"Pillow's {PILLOW[filter.name]} of the crop, after draft",
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
    """Return the named rivals, or all that can be used.

    Args:
        names: names of rivals; None for all.
        geometry: geometry of preprocessing.

    Raises:
        UsageError: if a named rival is unknown or cannot be used, or `names` is empty.
    """
    for name in names or ():
        if name not in RIVALS:
            text = f"rival is '{name}'; use some of {', '.join(RIVALS)}"
            raise UsageError(Message("rival-unknown", text))
    if names is not None and not names:
        raise UsageError(Message("rivals-missing", "rivals is empty; give at least one rival"))
    taking_part, left_out = {}, {}
    for name, rival in RIVALS.items():
        if names is not None and name not in names:
            continue
        obstacle = rival.obstacle(geometry)
        if obstacle is None:
            taking_part[name] = rival.resize_text(geometry)
        elif names is not None:
            raise UsageError(Message(obstacle.code, f"rival {name}: {obstacle}"))
        else:
            left_out[name] = obstacle
    return Chosen(taking_part, left_out)
