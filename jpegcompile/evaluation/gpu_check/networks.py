"""Checks of whole networks, against the original and against other ways to run them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import torch
from numpy.typing import NDArray
from torch import Tensor

from jpegcompile.compiler import compile as compile_model
from jpegcompile.errors import UsageError, one_line
from jpegcompile.evaluation.dataset import jpeg_files
from jpegcompile.evaluation.gpu_check.maps import FLOAT32_ERROR
from jpegcompile.evaluation.gpu_check.records import ModelCheck
from jpegcompile.evaluation.spatial import readable
from jpegcompile.evaluation.verification import OutputError
from jpegcompile.evaluation.verify import verify
from jpegcompile.frontend.load import load_source
from jpegcompile.jpeg.read import read_coefficients
from jpegcompile.jpeg.subsampling import subsampling_of
from jpegcompile.messages import Message
from jpegcompile.precision import Precision
from jpegcompile.preprocessing.preprocess import Preprocess
from jpegcompile.runtime.input_tensors import original_input
from jpegcompile.runtime.triton.load import load_module
from jpegcompile.runtime.triton.module import CompiledModule

CUDA = "CUDAExecutionProvider"
# Without this option, ONNX Runtime computes float32 products in TF32.
CUDA_OPTIONS = {"use_tf32": "0"}
_WARM_UPS = 3
# Largest number of files to search for equal frames.
_MOST_FILES = 256
# Runs on two streams, enough for an overlap.
_TURNS = 8


@dataclass(frozen=True)
class Network:
    """A network with images.

    Attributes:
        name: name in results.
        original: ONNX file of the network.
        preprocess: preprocessing from pixels to the network's input.
        images: folder of JPEG files of the network's size.
        batch: batch size.
    """

    name: str
    original: Path
    preprocess: Preprocess
    images: Path
    batch: int = 8

    @cached_property
    def _alike(self) -> tuple[tuple[Path, ...], str | None]:
        """Files with the frame of the first file, and their sampling."""
        first, *others = jpeg_files(self.images).files[:_MOST_FILES]
        frame = read_coefficients(first).frame
        alike = [file for file in others if read_coefficients(file).frame == frame]
        return (first, *alike), subsampling_of(frame)

    def files(self, count: int) -> list[Path]:
        """Return `count` files of one sampling, repeated if there are fewer."""
        found, _ = self._alike
        return [found[index % len(found)] for index in range(count)]

    def compiled(
        self, folder: Path, precision: Precision, *, from_pixels: bool = False
    ) -> CompiledModule:
        """Compile the network in a precision, write it to a folder and load it.

        Args:
            folder: folder to write to.
            precision: precision of maps and products.
            from_pixels: whether the compiled network reads tensors instead of coefficients.

        Raises:
            UsageError: if the network has no batch dimension.
        """
        made = compile_model(
            self.original,
            target="triton",
            input="tensor" if from_pixels else "coefficients",
            subsampling=None if from_pixels else self._alike[1],
            preprocess=self.preprocess,
            precision=precision.name,
        )
        made.save(folder)
        module = load_module(folder)
        if not module.info.input.has_batch:
            text = (
                f"{self.original}: has no batch dimension, which gpu-check requires; give a model"
                " with a batch dimension"
            )
            raise UsageError(Message("gpu-check-without-batch", text))
        return module


def check_network(
    network: Network, precision: Precision, folder: Path, backend: str
) -> list[ModelCheck]:
    """Run all checks of a network in a precision.

    Args:
        network: network to check.
        precision: precision of maps and products.
        folder: folder for the compiled model.
        backend: backend of `torch.compile`.
    """
    module = network.compiled(folder, precision)
    checks = _Checks(network.name, precision.name)
    found = verify(network.original, folder, network.images)
    for output in found.outputs:
        error = output.conversion if output.is_within else max(output.conversion, math.inf)
        checks.add(f"original on the CPU: {output.name}", error, output.allowed)
    if CUDA in ort.get_available_providers():
        _against_cuda(checks, network, module, found.outputs)
    files = network.files(module.fixed_batch or network.batch)
    feeds = module.feeds(files)
    packed = module.feeds(files, packed=True)
    different = sum(int((feeds[name] != packed[name]).sum()) for name in feeds)
    checks.add("packed coefficients that differ", different, 0)
    expected = outputs_of(module, feeds)
    checks.compare("torch.compile", expected, lambda: _by_inductor(module, feeds, backend))
    if module.device.type == "cuda":
        checks.compare("CUDA graph", expected, lambda: _by_graph(module, feeds))
        checks.compare("two streams", expected, lambda: _on_two_streams(module, feeds))
    return checks.done


class _Checks:
    """The checks of one network."""

    def __init__(self, model: str, precision: str) -> None:
        self._model, self._precision = model, precision
        self.done: list[ModelCheck] = []

    def add(self, check: str, error: float, allowed: float, note: str = "") -> None:
        """Record a result."""
        self.done.append(ModelCheck(self._model, self._precision, check, error, allowed, note))

    def compare(
        self, check: str, expected: Sequence[Tensor], run: Callable[[], Sequence[Tensor]]
    ) -> None:
        """Compare outputs with the outputs of a plain call, up to rounding of float32 sums.

        Args:
            check: name of the check.
            expected: outputs of the plain call.
            run: returns the outputs to check. An error of this function is a failed check.
        """
        allowed = FLOAT32_ERROR * max(float(e.abs().max()) for e in expected)
        try:
            made = run()
        except Exception as error:
            # Compilers and drivers raise many kinds of errors; each is a failed check.
            self.add(check, math.inf, allowed, f"{type(error).__name__}: {one_line(error)}")
            return
        self.add(check, _largest(made, expected), allowed)


def outputs_of(module: Callable[..., Any], feeds: dict[str, Tensor]) -> tuple[Tensor, ...]:
    """Call a module and return its outputs, always as a tuple."""
    with torch.inference_mode():
        made = module(**feeds)
    return made if isinstance(made, tuple) else (made,)


def _largest(made: Sequence[Tensor], expected: Sequence[Tensor]) -> float:
    """Return the largest difference; infinite if a difference is NaN."""
    errors = [
        float((a.double() - b.double()).abs().max()) for a, b in zip(made, expected, strict=True)
    ]
    return max(math.inf if math.isnan(error) else error for error in errors)


def _against_cuda(
    checks: _Checks, network: Network, module: CompiledModule, allowed: Sequence[OutputError]
) -> None:
    """Compare with the original in ONNX Runtime on the GPU, within the tolerance of `verify`."""
    session = cuda_session(network.original)
    if session is None:
        return
    files = network.files(module.fixed_batch or network.batch)
    made = module.run(files)
    taken, preprocess = module.info.input, module.preprocess
    images = [original_input(read_coefficients(file), preprocess, taken) for file in files]
    expected = run_original(session, taken.name, np.stack(images))
    for output, ours, theirs in zip(allowed, made, expected, strict=True):
        error = float(np.abs(ours.astype(np.float64) - theirs).max())
        checks.add(f"original on the GPU: {output.name}", error, 2 * output.allowed)


def cuda_session(original: Path) -> ort.InferenceSession | None:
    """Open the original on the GPU with float32 products; None if the provider cannot start."""
    source = load_source(original)
    session = ort.InferenceSession(
        readable(source.model).SerializeToString(), providers=[(CUDA, CUDA_OPTIONS)]
    )
    return session if session.get_providers()[0] == CUDA else None


def run_original(
    session: ort.InferenceSession, name: str, images: NDArray[np.float32]
) -> list[NDArray[Any]]:
    """Run the original on a batch and return its outputs."""
    outputs: list[NDArray[Any]] = session.run(None, {name: images})
    return outputs


def _by_inductor(
    module: CompiledModule, feeds: dict[str, Tensor], backend: str
) -> tuple[Tensor, ...]:
    torch._dynamo.reset()
    return outputs_of(torch.compile(module, backend=backend), feeds)


def _by_graph(module: CompiledModule, feeds: dict[str, Tensor]) -> tuple[Tensor, ...]:
    """Capture a CUDA graph with other inputs, then replay it with the given ones."""
    given = {name: values.flip(0).contiguous() for name, values in feeds.items()}
    stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(_WARM_UPS):
            outputs_of(module, given)
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        made = outputs_of(module, given)
    for name, values in feeds.items():
        given[name].copy_(values)
    graph.replay()
    torch.cuda.synchronize()
    return tuple(values.clone() for values in made)


def _on_two_streams(module: CompiledModule, feeds: dict[str, Tensor]) -> tuple[Tensor, ...]:
    """Run calls on two streams and return the outputs that differ most from a plain call."""
    turned = {name: values.flip(0).contiguous() for name, values in feeds.items()}
    expected = outputs_of(module, feeds)
    streams = [torch.cuda.Stream() for _ in range(2)]  # type: ignore[no-untyped-call]
    torch.cuda.synchronize()
    made: list[tuple[Tensor, ...]] = []
    for _ in range(_TURNS):
        for stream, given in zip(streams, (feeds, turned), strict=True):
            with torch.cuda.stream(stream):
                made.append(outputs_of(module, given))
    torch.cuda.synchronize()
    # Images are independent, so the outputs of a reversed batch are in reverse order.
    ordered = [
        tuple(values.flip(0) for values in one) if index % 2 else one
        for index, one in enumerate(made)
    ]
    return max(ordered, key=lambda one: _largest(one, expected))
