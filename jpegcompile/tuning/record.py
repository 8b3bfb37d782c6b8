"""What was measured of a model's tilings, as its manifest keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jpegcompile.gpu.launch import Tiling


@dataclass(frozen=True)
class Dropped:
    """A candidate that was not timed.

    Attributes:
        tiling: of the candidate.
        reason: what is wrong with it.
    """

    tiling: Tiling
    reason: str

    def to_json(self) -> dict[str, Any]:
        """JSON-ready data."""
        return {"tiling": self.tiling.to_json(), "reason": self.reason}


@dataclass(frozen=True)
class KernelTuning:
    """What was measured of one kernel.

    Attributes:
        names: attributes of the model that are this kernel.
        kernel: its kind.
        tiling: the fastest one.
        seconds: that it takes.
        default_seconds: that the default tiling takes.
        timed: how many candidates were timed, the default one among them.
        dropped: candidates that were not timed.
    """

    names: tuple[str, ...]
    kernel: str
    tiling: Tiling
    seconds: float
    default_seconds: float
    timed: int
    dropped: tuple[Dropped, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """JSON-ready data that `of_json` reads."""
        return {
            **vars(self),
            "names": list(self.names),
            "tiling": self.tiling.to_json(),
            "dropped": [one.to_json() for one in self.dropped],
        }

    @classmethod
    def of_json(cls, data: Mapping[str, Any]) -> KernelTuning:
        """A record of `to_json`."""
        dropped = tuple(Dropped(Tiling(**d["tiling"]), d["reason"]) for d in data["dropped"])
        changed = {"names": tuple(data["names"]), "tiling": Tiling(**data["tiling"])}
        return cls(**{**data, **changed, "dropped": dropped})


@dataclass(frozen=True)
class Tuning:
    """What was measured of a model.

    Attributes:
        device: name and versions that the times depend on; see `DeviceFacts`.
        batch: images at once.
        kernels: by a key of what they launch; equal kernels have one record.
        measured: how many of them this run measured; the others were there.
    """

    device: Mapping[str, str]
    batch: int
    kernels: Mapping[str, KernelTuning] = field(default_factory=dict)
    measured: int = 0

    @property
    def tilings(self) -> dict[str, Tiling]:
        """The fastest tiling of each attribute of the model."""
        return {name: record.tiling for record in self.kernels.values() for name in record.names}

    @property
    def seconds(self) -> float:
        """Of all kernels of the model, one after another."""
        return sum(len(record.names) * record.seconds for record in self.kernels.values())

    @property
    def default_seconds(self) -> float:
        """The same with default tilings."""
        return sum(len(record.names) * record.default_seconds for record in self.kernels.values())

    def to_json(self) -> dict[str, Any]:
        """JSON-ready data."""
        totals = {"seconds": self.seconds, "default_seconds": self.default_seconds}
        return {**self.to_manifest(), **totals, "measured": self.measured}

    def to_manifest(self) -> dict[str, Any]:
        """What the manifest keeps; the same measurements give the same text."""
        kernels = {key: record.to_json() for key, record in self.kernels.items()}
        return {"device": dict(self.device), "batch": self.batch, "kernels": kernels}

    @classmethod
    def of_manifest(cls, data: Mapping[str, Any]) -> Tuning:
        """A record of `to_manifest`."""
        kernels = {key: KernelTuning.of_json(one) for key, one in data["kernels"].items()}
        return cls(data["device"], data["batch"], kernels)
