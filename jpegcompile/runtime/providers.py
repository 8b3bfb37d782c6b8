"""Which execution providers of ONNX Runtime run a compiled file."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any, Literal, get_args

import onnxruntime as ort

from jpegcompile.errors import AccessError, FallbackWarning, UsageError
from jpegcompile.gpu.archs import architecture_for
from jpegcompile.gpu.library.build import gpu_kernels
from jpegcompile.progress import Progress, no_progress
from jpegcompile.runtime import cuda
from jpegcompile.target.base import CPU_PROVIDERS, CUDA_PROVIDER

Choice = Literal["auto", "cuda", "cpu"]
CHOICES: tuple[Choice, ...] = get_args(Choice)
# A provider of ONNX Runtime by its name, with its options where it is given any.
Provider = str | tuple[str, Mapping[str, Any]]
# What a caller may ask for.
Asked = Choice | Sequence[Provider]
# Its own kernels would round float32 to TF32 otherwise.
_EXACT_CUDA: Provider = (CUDA_PROVIDER, {"use_tf32": "0"})
# What the library says of files that are whole, and of kernels for other devices alone.
_OTHER_DEVICE = ", the device is "
# Of ONNX Runtime's loggers; the second is its default.
_FATAL, _WARNING = 4, 2


@dataclass(frozen=True)
class Providers:
    """What sessions of a file run on.

    Attributes:
        names: for ONNX Runtime, the preferred provider first.
        kernel_files: compiled kernels for nodes on CUDA; without any they run on the CPU.
        is_chosen: whether "auto" or "cuda" chose them, so that what ONNX Runtime logs of a provider
            that it cannot load is told by `check` in one line.
        is_required: whether a session that falls back to the CPU is refused.
    """

    names: tuple[Provider, ...] = CPU_PROVIDERS
    kernel_files: tuple[Path, ...] = ()
    is_chosen: bool = False
    is_required: bool = False

    @property
    def has_cuda(self) -> bool:
        """Whether CUDA is among them."""
        return any(_name(provider) == CUDA_PROVIDER for provider in self.names)

    def to_json(self) -> dict[str, Any]:
        """JSON-ready data."""
        return {**vars(self), "kernel_files": [str(file) for file in self.kernel_files]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Providers:
        """What `to_json` gave."""
        names = tuple(one if isinstance(one, str) else (one[0], one[1]) for one in data["names"])
        files = tuple(map(Path, data["kernel_files"]))
        return cls(**{**data, "names": names, "kernel_files": files})

    def configure(self, options: ort.SessionOptions) -> None:
        """Tell the library of native kernels, which reads these entries when it is registered."""
        if not self.has_cuda:
            # It would start the driver for nothing.
            options.add_session_config_entry("jpegcompile.cuda", "0")
        elif self.kernel_files:
            files = cuda.joined(self.kernel_files)
            options.add_session_config_entry("jpegcompile.cubins", files)

    @contextmanager
    def opening(self) -> Iterator[None]:
        """While it lasts, a session may be made."""
        if not (self.has_cuda and self.is_chosen):
            yield
            return
        if hasattr(ort, "preload_dlls"):
            # From packages of NVIDIA, where they are installed. It prints what is missing.
            with redirect_stdout(StringIO()):
                ort.preload_dlls()
        ort.set_default_logger_severity(_FATAL)
        try:
            yield
        finally:
            ort.set_default_logger_severity(_WARNING)

    @property
    def may_fall_back(self) -> bool:
        """Whether "auto" chose CUDA: what CUDA cannot do is left to the CPU."""
        return self.has_cuda and self.is_chosen and not self.is_required

    def as_used_by(self, session: ort.InferenceSession) -> Providers:
        """What further sessions of the same file run on: where one fell back, all do."""
        return ON_CPU if self._fell_back(session) else self

    def _fell_back(self, session: ort.InferenceSession) -> bool:
        return self.has_cuda and self.is_chosen and CUDA_PROVIDER not in session.get_providers()

    def check(self, session: ort.InferenceSession) -> None:
        """Tell if ONNX Runtime fell back to the CPU.

        Raises:
            AccessError: if CUDA is required and the session does not run on it.
        """
        if not self._fell_back(session):
            return
        reason = (
            "ONNX Runtime cannot load its CUDA provider; install the CUDA and cuDNN libraries that"
            " it needs (docs/onnxruntime_gpu.md)"
        )
        if self.is_required:
            raise AccessError(f"--providers cuda: {reason}")
        give_notice(reason)


ON_CPU = Providers()


def providers_for(
    asked: Asked,
    model: str | os.PathLike[str],
    *,
    native: bool = True,
    progress: Progress = no_progress,
) -> Providers:
    """The providers that a caller asks for.

    Args:
        asked: "cpu"; "cuda", which is refused where it cannot be; "auto" for CUDA where it can be;
            or providers as ONNX Runtime takes them.
        model: path of the compiled file, beside which its own kernels may be.
        native: whether native kernels run nodes.
        progress: called with (kernels done, kernels in all) where "cuda" has to compile them.

    Raises:
        UsageError: if the choice is unknown.
        AccessError: if CUDA is asked for and cannot be used.
    """
    if not isinstance(asked, str):
        names = tuple(asked)
        has_cuda = any(_name(provider) == CUDA_PROVIDER for provider in names)
        return Providers(names, cuda.kernel_files(model) if has_cuda and native else ())
    if asked not in CHOICES:
        raise UsageError(f"provider is '{asked}'; use {', '.join(CHOICES)}")
    if asked == "cpu":
        return ON_CPU
    is_required = asked == "cuda"
    if CUDA_PROVIDER not in ort.get_available_providers():
        if is_required:
            raise AccessError(
                "--providers cuda: this onnxruntime has no CUDA provider; install onnxruntime-gpu"
                " in its place (docs/onnxruntime_gpu.md)"
            )
        return ON_CPU
    files, missing = _kernels(model, native, progress if is_required else None)
    if not missing:
        return Providers((_EXACT_CUDA, *CPU_PROVIDERS), files, True, is_required)
    if is_required:
        raise AccessError(f"--providers cuda: {missing}")
    give_notice(missing)
    return ON_CPU


def _kernels(
    model: str | os.PathLike[str], native: bool, progress: Progress | None
) -> tuple[tuple[Path, ...], str]:
    """Files of compiled kernels for the device, and why it cannot be used, if it cannot.

    Args:
        model: path of the compiled file.
        native: whether native kernels run nodes.
        progress: of compiling kernels, where none are there; None to leave that.
    """
    device = cuda.device()
    if device.startswith(cuda.NO_CUDA):
        reason = device.removeprefix(cuda.NO_CUDA)
        return (), f"{reason}; install NVIDIA's driver, or give --providers cpu"
    if not native:
        return (), ""
    files = cuda.kernel_files(model)
    if files:
        missing = _missing(files)
        # A file that is damaged is not made good by another one.
        if not missing or _OTHER_DEVICE not in missing:
            return files, missing
    gpu = architecture_for(device)
    if gpu is None:
        return (), f"there are no kernels for {device}; give --providers cpu"
    if progress is None:
        return (), f"there are no kernels for {device}; run jpegcompile gpu-kernels --gpus {gpu}"
    (built,) = gpu_kernels([gpu], progress=progress)
    files = (*files, built.path)
    return files, _missing(files)


def _missing(files: tuple[Path, ...]) -> str:
    """Why native kernels cannot run by these files, if they cannot."""
    told = cuda.status(files)
    return told.removeprefix(cuda.NO_CUDA) if told.startswith(cuda.NO_CUDA) else ""


def give_notice(reason: str) -> None:
    """Say why the CPU does the work."""
    warnings.warn(FallbackWarning(f"{reason}; running on the CPU"), stacklevel=2)


def _name(provider: Provider) -> str:
    return provider if isinstance(provider, str) else provider[0]
