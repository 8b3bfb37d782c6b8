"""Choose the execution providers of ONNX Runtime for a compiled file."""

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
from jpegcompile.messages import Message
from jpegcompile.progress import Progress, no_progress
from jpegcompile.runtime import cuda
from jpegcompile.target.base import CPU_PROVIDERS, CUDA_PROVIDER

Choice = Literal["auto", "cuda", "cpu"]
CHOICES: tuple[Choice, ...] = get_args(Choice)
# Name of a provider of ONNX Runtime, or name and options.
Provider = str | tuple[str, Mapping[str, Any]]
# The `providers` argument of callers.
Asked = Choice | Sequence[Provider]
# Without this option ONNX Runtime's CUDA kernels round float32 to TF32.
_EXACT_CUDA: Provider = (CUDA_PROVIDER, {"use_tf32": "0"})
# Part of the library's answer if files are undamaged but have kernels for other devices only.
_OTHER_DEVICE = ", the device is "
# Severities of ONNX Runtime's loggers; the second is its default.
_FATAL, _WARNING = 4, 2


@dataclass(frozen=True)
class Providers:
    """Execution providers for the sessions of a file.

    Attributes:
        names: providers for ONNX Runtime, the preferred one first.
        kernel_files: compiled kernels for nodes on CUDA; if empty, these nodes run on the CPU.
        is_chosen: whether "auto" or "cuda" chose the providers. ONNX Runtime's log messages about a
            provider that does not load are then replaced by one line from `check`.
        is_required: whether a session that falls back to the CPU is an error.
    """

    names: tuple[Provider, ...] = CPU_PROVIDERS
    kernel_files: tuple[Path, ...] = ()
    is_chosen: bool = False
    is_required: bool = False

    @property
    def has_cuda(self) -> bool:
        """Whether CUDA is among the providers."""
        return any(_name(provider) == CUDA_PROVIDER for provider in self.names)

    def to_json(self) -> dict[str, Any]:
        """Return JSON-ready data for `from_json`."""
        return {**vars(self), "kernel_files": [str(file) for file in self.kernel_files]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Providers:
        """Create providers from the data of `to_json`."""
        names = tuple(one if isinstance(one, str) else (one[0], one[1]) for one in data["names"])
        files = tuple(map(Path, data["kernel_files"]))
        return cls(**{**data, "names": names, "kernel_files": files})

    def configure(self, options: ort.SessionOptions) -> None:
        """Add options for the native kernels, which read them when their library is registered."""
        if not self.has_cuda:
            # The library would otherwise start the CUDA driver.
            options.add_session_config_entry("jpegcompile.cuda", "0")
        elif self.kernel_files:
            files = cuda.joined(self.kernel_files)
            options.add_session_config_entry("jpegcompile.cubins", files)

    @contextmanager
    def opening(self) -> Iterator[None]:
        """Prepare ONNX Runtime; create a session within this context."""
        if not (self.has_cuda and self.is_chosen):
            yield
            return
        if hasattr(ort, "preload_dlls"):
            # Loads libraries from NVIDIA's packages, if installed, and prints missing ones.
            with redirect_stdout(StringIO()):
                ort.preload_dlls()
        ort.set_default_logger_severity(_FATAL)
        try:
            yield
        finally:
            ort.set_default_logger_severity(_WARNING)

    @property
    def may_fall_back(self) -> bool:
        """Whether "auto" chose CUDA, so a session that fails on CUDA may run on the CPU."""
        return self.has_cuda and self.is_chosen and not self.is_required

    def as_used_by(self, session: ort.InferenceSession) -> Providers:
        """Return the providers for more sessions of the file: the CPU if `session` fell back."""
        return ON_CPU if self._fell_back(session) else self

    def _fell_back(self, session: ort.InferenceSession) -> bool:
        return self.has_cuda and self.is_chosen and CUDA_PROVIDER not in session.get_providers()

    def check(self, session: ort.InferenceSession) -> None:
        """Warn if ONNX Runtime fell back to the CPU.

        Raises:
            AccessError: if CUDA is required and the session does not run on it.
        """
        if not self._fell_back(session):
            return
        reason = Message(
            "cuda-provider-not-loaded",
            "ONNX Runtime cannot load its CUDA provider; install the CUDA and cuDNN libraries that"
            " it needs (docs/onnxruntime_gpu.md)",
        )
        if self.is_required:
            raise AccessError(Message(reason.code, f"--providers cuda: {reason}"))
        give_notice(reason)


ON_CPU = Providers()


def providers_for(
    asked: Asked,
    model: str | os.PathLike[str],
    *,
    native: bool = True,
    progress: Progress = no_progress,
) -> Providers:
    """Return the providers that a caller asks for.

    Args:
        asked: "cpu"; "cuda" to require CUDA; "auto" to use CUDA if possible; or providers in ONNX
            Runtime's form.
        model: path of the compiled file. Its companion file of kernels is in the same folder.
        native: whether native kernels run nodes.
        progress: called with (kernels done, total kernels) while "cuda" compiles kernels.

    Raises:
        UsageError: if the choice is unknown.
        AccessError: if CUDA is required and cannot be used.
    """
    if not isinstance(asked, str):
        names = tuple(asked)
        has_cuda = any(_name(provider) == CUDA_PROVIDER for provider in names)
        return Providers(names, cuda.kernel_files(model) if has_cuda and native else ())
    if asked not in CHOICES:
        raise UsageError(
            Message("provider-unknown", f"provider is '{asked}'; use {', '.join(CHOICES)}")
        )
    if asked == "cpu":
        return ON_CPU
    is_required = asked == "cuda"
    if CUDA_PROVIDER not in ort.get_available_providers():
        if is_required:
            raise AccessError(
                Message(
                    "cuda-provider-not-installed",
                    "--providers cuda: this onnxruntime has no CUDA provider; replace it by"
                    " onnxruntime-gpu (docs/onnxruntime_gpu.md)",
                )
            )
        return ON_CPU
    files, missing = _kernels(model, native, progress if is_required else None)
    if missing is None:
        return Providers((_EXACT_CUDA, *CPU_PROVIDERS), files, True, is_required)
    if is_required:
        raise AccessError(Message(missing.code, f"--providers cuda: {missing}"))
    give_notice(missing)
    return ON_CPU


def _kernels(
    model: str | os.PathLike[str], native: bool, progress: Progress | None
) -> tuple[tuple[Path, ...], Message | None]:
    """Find compiled kernels for the device.

    Args:
        model: path of the compiled file.
        native: whether native kernels run nodes.
        progress: progress of compiling kernels if there are none; None to compile nothing.

    Returns:
        The files of kernels, and the reason if CUDA cannot be used.
    """
    device = cuda.device()
    if device.startswith(cuda.NO_CUDA):
        reason = device.removeprefix(cuda.NO_CUDA)
        text = f"{reason}; install NVIDIA's driver, or give --providers cpu"
        return (), Message("cuda-device-missing", text)
    if not native:
        return (), None
    files = cuda.kernel_files(model)
    if files:
        missing = _missing(files)
        # Compiling another file does not repair a damaged file.
        if missing is None or _OTHER_DEVICE not in missing:
            return files, missing
    gpu = architecture_for(device)
    if gpu is None or progress is None:
        advice = (
            "give --providers cpu" if gpu is None else f"run jpegcompile gpu-kernels --gpus {gpu}"
        )
        return (), Message("cuda-kernels-missing", f"there are no kernels for {device}; {advice}")
    (built,) = gpu_kernels([gpu], progress=progress)
    files = (*files, built.path)
    return files, _missing(files)


def _missing(files: tuple[Path, ...]) -> Message | None:
    """Return why native kernels cannot run with these files; None if they can."""
    told = cuda.status(files)
    if not told.startswith(cuda.NO_CUDA):
        return None
    reason = told.removeprefix(cuda.NO_CUDA)
    return Message("cuda-kernels-unusable", f"CUDA cannot run the compiled kernels: {reason}")


def give_notice(reason: str) -> None:
    """Warn that the CPU is used.

    Args:
        reason: why CUDA is not used.
    """
    warnings.warn(FallbackWarning(f"{reason}; running on the CPU"), stacklevel=2)


def _name(provider: Provider) -> str:
    return provider if isinstance(provider, str) else provider[0]
