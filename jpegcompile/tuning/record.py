"""Records of measured tilings, in the form that the manifest of a model stores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jpegcompile.gpu.launch import Tiling


@dataclass(frozen=True)
class Dropped:
    """A candidate that was not timed.

    Attributes:
        tiling: tiling of the candidate.
        reason: reason why it was dropped.
    """

    tiling: Tiling
    reason: str

    def to_json(self) -> dict[str, Any]:
        """Return JSON-ready data."""
        return {"tiling": self.tiling.to_json(), "reason": self.reason}


@dataclass(frozen=True)
class KernelTuning:
    """The measurement of one kernel.

    Attributes:
        names: attributes of the model with this kernel.
        kernel: kind of the kernel.
        tiling: fastest tiling.
        seconds: seconds with the fastest tiling.
        default_seconds: seconds with the default tiling.
        timed: number of timed candidates, including the default tiling.
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
        """Return JSON-ready data for `of_json`."""
        return {
            **vars(self),
            "names": list(self.names),
            "tiling": self.tiling.to_json(),
            "dropped": [one.to_json() for one in self.dropped],
        }

    @classmethod
    def of_json(cls, data: Mapping[str, Any]) -> KernelTuning:
        """Return the record from the data of `to_json`."""
        dropped = tuple(Dropped(Tiling(**d["tiling"]), d["reason"]) for d in data["dropped"])
        changed = {"names": tuple(data["names"]), "tiling": Tiling(**data["tiling"])}
        return cls(**{**data, **changed, "dropped": dropped})


@dataclass(frozen=True)
class Tuning:
    """The measurements of a model.

    Attributes:
        device: name and versions that the times depend on; see `DeviceFacts`.
        batch: batch size.
        kernels: records by a key of the launches; equal kernels have one record.
        measured: number of kernels that this run measured; earlier runs measured the others.
    """

    device: Mapping[str, str]
    batch: int
    kernels: Mapping[str, KernelTuning] = field(default_factory=dict)
    measured: int = 0

    @property
    def tilings(self) -> dict[str, Tiling]:
        """Fastest tiling of each attribute of the model."""
        return {name: record.tiling for record in self.kernels.values() for name in record.names}

    @property
    def seconds(self) -> float:
        """Seconds of all kernels of the model, one after another."""
        return sum(len(record.names) * record.seconds for record in self.kernels.values())

    @property
    def default_seconds(self) -> float:
        """Seconds of all kernels with default tilings."""
        return sum(len(record.names) * record.default_seconds for record in self.kernels.values())

    def to_json(self) -> dict[str, Any]:
        """Return JSON-ready data."""
        totals = {"seconds": self.seconds, "default_seconds": self.default_seconds}
        return {**self.to_manifest(), **totals, "measured": self.measured}

    def to_manifest(self) -> dict[str, Any]:
        """Return the data for the manifest; equal measurements have equal text."""
        kernels = {key: record.to_json() for key, record in self.kernels.items()}
        return {"device": dict(self.device), "batch": self.batch, "kernels": kernels}

    @classmethod
    def of_manifest(cls, data: Mapping[str, Any]) -> Tuning:
        """Return the record from the data of `to_manifest`."""
        kernels = {key: KernelTuning.of_json(one) for key, one in data["kernels"].items()}
        return cls(data["device"], data["batch"], kernels)
