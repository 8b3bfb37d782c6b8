"""What a process that is timed is told: one JSON object."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegcompile.jpeg.frame import Frame
from jpegcompile.jpeg.pixel_fallback import Fallback
from jpegcompile.jpeg.read import image_bytes
from jpegcompile.network_input import NetworkInput
from jpegcompile.runtime.providers import ON_CPU, Providers

SPATIAL, COMPILED, PORTABLE = "spatial", "compiled", "portable"

DECODE, INGEST, NETWORK, END_TO_END = "decode", "ingest", "network", "end to end"
# Of models for images of any size: decoding and ingest are one, and reader and network may overlap.
INPUT, PIPELINED = "input", "pipelined"


@dataclass(frozen=True)
class InputSet:
    """Inputs of one kind, as many as the largest batch at least.

    Attributes:
        name: for tables.
        files: JPEG files; empty where the models take the same tensors.
        tensors: path of a .npy file, float32 [N, ...] as the original takes them; of the float
            decode where there are files.
    """

    name: str
    files: tuple[str, ...]
    tensors: str

    def file_batches(self, size: int) -> list[list[bytes]]:
        """The bytes of the files, in whole batches of `size`."""
        data = [bytes(image_bytes(file)) for file in self.files]
        return [data[start : start + size] for start in range(0, len(data) - size + 1, size)]

    def tensor_batches(self, size: int) -> Iterator[NDArray[np.float32]]:
        """The tensors in whole batches of `size`, each read when it is wanted."""
        count = len(np.load(self.tensors, mmap_mode="r"))
        for start in range(0, count - size + 1, size):
            yield np.array(np.load(self.tensors, mmap_mode="r")[start : start + size])


@dataclass(frozen=True)
class Job:
    """One side at one batch size and one number of threads.

    Attributes:
        side: SPATIAL, COMPILED or PORTABLE; for images of any size the name of a rival, which is
            the original behind it, in place of SPATIAL.
        model: path of the model: a file, or the folder of a module of PyTorch.
        folder: of its external weights, where the model is not beside them.
        library: of native kernels; None to run without.
        batch: inputs of a run.
        threads: of ONNX Runtime or PyTorch, and of decoding.
        input_mode: what the compiled model takes, as in `CompiledInfo`.
        image: the image input of the original.
        frame: of the files; None for tensors.
        preprocess: as in `Preprocess.to_json`; None where tensors are given.
        ingest: path of the part of the compiled model that makes the network's input.
        network: path of the part behind it.
        parts_folder: of external weights of these two.
        sets: inputs.
        tolerant: whether to take what can be read of damaged files.
        providers: what sessions of ONNX Runtime run on.
        ingest_block: block size of the tensor where the compiled network begins.
        averages_views: as in `CompiledInfo`, of the compiled model.
        fallback: "pixels" has Pillow decode files of any size of which no coefficients are read.
    """

    side: str
    model: str
    folder: str | None
    library: str | None
    batch: int
    threads: int
    input_mode: str
    image: NetworkInput
    frame: Frame | None
    preprocess: dict[str, Any] | None
    ingest: str | None
    network: str | None
    parts_folder: str | None
    sets: tuple[InputSet, ...]
    tolerant: bool = False
    providers: Providers = ON_CPU
    ingest_block: int | None = None
    averages_views: bool = False
    fallback: Fallback = "none"

    @property
    def is_original(self) -> bool:
        """Whether the original model is run."""
        return self.side not in (COMPILED, PORTABLE)

    @property
    def is_preprocessed(self) -> bool:
        """Whether the native reader makes the compiled network's input, of files of any size."""
        return self.takes_files and self.image.is_preprocessed

    @property
    def takes_files(self) -> bool:
        """Whether runs begin with the bytes of files."""
        return bool(self.sets[0].files)

    @property
    def stages(self) -> list[tuple[str, str | None]]:
        """What is timed: stages, and the inputs where it matters which."""
        if not self.takes_files:
            return [(NETWORK, None)]
        names = [inputs.name for inputs in self.sets]
        if self.is_preprocessed:
            # One thread reads and computes in turn, which is what "end to end" times.
            behind = [END_TO_END] if self.threads == 1 else [END_TO_END, PIPELINED]
            whole = [(stage, name) for stage in behind for name in names]
            return [*((INPUT, name) for name in names), (NETWORK, None), *whole]
        before = [(stage, name) for stage in (DECODE, INGEST) for name in names]
        return [*before, (NETWORK, None), *((END_TO_END, name) for name in names)]

    def to_json(self) -> dict[str, Any]:
        """JSON-ready data."""
        return {
            **vars(self),
            "image": self.image.to_json(),
            "providers": self.providers.to_json(),
            "frame": None if self.frame is None else self.frame.to_json(),
            "sets": [asdict(inputs) for inputs in self.sets],
        }


def job_of(data: dict[str, Any]) -> Job:
    """The job that `Job.to_json` gave."""
    sets = tuple(InputSet(s["name"], tuple(s["files"]), s["tensors"]) for s in data["sets"])
    providers = Providers.from_json(data["providers"])
    image = NetworkInput.from_json(data["image"])
    frame = None if data["frame"] is None else Frame.from_json(data["frame"])
    given = {"image": image, "frame": frame, "sets": sets, "providers": providers}
    return Job(**{**data, **given})
