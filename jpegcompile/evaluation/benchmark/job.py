"""The job of a worker process: one JSON object."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegcompile.errors import JpegCompileError, kind_of
from jpegcompile.jpeg.frame import Frame
from jpegcompile.jpeg.pixel_fallback import Fallback
from jpegcompile.jpeg.read import image_bytes
from jpegcompile.network_input import NetworkInput
from jpegcompile.runtime.providers import ON_CPU, Providers

SPATIAL, COMPILED, PORTABLE = "spatial", "compiled", "portable"

DECODE, INGEST, NETWORK, END_TO_END = "decode", "ingest", "network", "end to end"
# Models for images of any size have one stage for decoding and ingest, and may overlap reader and
# network.
INPUT, PIPELINED = "input", "pipelined"


@dataclass(frozen=True)
class InputSet:
    """Inputs of one kind, at least as many as the largest batch.

    Attributes:
        name: name in tables.
        files: paths of JPEG files; empty if both models read the same tensors.
        tensors: path of a .npy file with the original's inputs, float32 [N, ...]; with files, these
            are the float decode of the files.
    """

    name: str
    files: tuple[str, ...]
    tensors: str

    def file_batches(self, size: int) -> list[list[bytes]]:
        """Return the bytes of the files, in complete batches."""
        data = [bytes(image_bytes(file)) for file in self.files]
        return [data[start : start + size] for start in range(0, len(data) - size + 1, size)]

    def tensor_batches(self, size: int) -> Iterator[NDArray[np.float32]]:
        """Yield the tensors in complete batches; each batch is read on demand."""
        count = len(np.load(self.tensors, mmap_mode="r"))
        for start in range(0, count - size + 1, size):
            yield np.array(np.load(self.tensors, mmap_mode="r")[start : start + size])


@dataclass(frozen=True)
class Failure:
    """The error of a worker process, in the form that JSON transfers.

    Attributes:
        kind: name of the class in `jpegcompile.errors`.
        code: code of the message.
        text: text of the message.
    """

    kind: str
    code: str
    text: str

    @classmethod
    def of(cls, error: JpegCompileError) -> Failure:
        """Return the failure of an error."""
        return cls(kind_of(error), error.code, str(error))


@dataclass(frozen=True)
class Job:
    """One side at one batch size and one number of threads.

    Attributes:
        side: SPATIAL, COMPILED or PORTABLE. For images of any size, the name of a rival instead of
            SPATIAL: the original with the reader of the rival.
        model: path of the model: a file, or the folder of a PyTorch module.
        folder: folder of its external weights, if they are not next to the model.
        library: path of the library of native kernels; None to run without it.
        batch: inputs in a batch.
        threads: threads of ONNX Runtime or PyTorch, and of decoding.
        input_mode: input mode of the compiled model, as in `CompiledInfo`.
        image: image input of the original.
        frame: frame of the files; None for tensors.
        preprocess: preprocessing as in `Preprocess.to_json`; None for tensors.
        ingest: path of the part of the compiled model that computes the network's input.
        network: path of the part of the compiled model after the ingest.
        parts_folder: folder of the external weights of these two parts.
        sets: inputs.
        tolerant: whether to use the readable part of damaged files.
        providers: execution providers of ONNX Runtime.
        ingest_block: block size of the compiled network's input.
        averages_views: as in `CompiledInfo`, for the compiled model.
        fallback: "pixels" lets Pillow decode files of any size without readable coefficients.
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
        """Whether this side runs the original model."""
        return self.side not in (COMPILED, PORTABLE)

    @property
    def is_preprocessed(self) -> bool:
        """Whether files have any size, so that the native reader computes the compiled input."""
        return self.takes_files and self.image.is_preprocessed

    @property
    def takes_files(self) -> bool:
        """Whether runs start from the bytes of files."""
        return bool(self.sets[0].files)

    @property
    def stages(self) -> list[tuple[str, str | None]]:
        """Stages to time, each with the name of its inputs, or None if inputs do not matter."""
        if not self.takes_files:
            return [(NETWORK, None)]
        names = [inputs.name for inputs in self.sets]
        if self.is_preprocessed:
            # One thread cannot overlap reading and computing.
            stages = [END_TO_END] if self.threads == 1 else [END_TO_END, PIPELINED]
            whole = [(stage, name) for stage in stages for name in names]
            return [*((INPUT, name) for name in names), (NETWORK, None), *whole]
        before = [(stage, name) for stage in (DECODE, INGEST) for name in names]
        return [*before, (NETWORK, None), *((END_TO_END, name) for name in names)]

    def to_json(self) -> dict[str, Any]:
        """Return JSON-ready data."""
        return {
            **vars(self),
            "image": self.image.to_json(),
            "providers": self.providers.to_json(),
            "frame": None if self.frame is None else self.frame.to_json(),
            "sets": [asdict(inputs) for inputs in self.sets],
        }


def job_of(data: dict[str, Any]) -> Job:
    """Return the job from the data of `Job.to_json`."""
    sets = tuple(InputSet(s["name"], tuple(s["files"]), s["tensors"]) for s in data["sets"])
    providers = Providers.from_json(data["providers"])
    image = NetworkInput.from_json(data["image"])
    frame = None if data["frame"] is None else Frame.from_json(data["frame"])
    given = {"image": image, "frame": frame, "sets": sets, "providers": providers}
    return Job(**{**data, **given})
