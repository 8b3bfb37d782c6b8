"""Throughput from the bytes of files, with coefficients and with pixels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jpegcompile.dct.color import Color
from jpegcompile.evaluation.benchmark.rounds import median_for
from jpegcompile.evaluation.gpu_check.networks import CUDA, Network, cuda_session, outputs_of
from jpegcompile.evaluation.gpu_check.records import Throughput
from jpegcompile.evaluation.pillow import pillow_pixels
from jpegcompile.network_input import NetworkInput
from jpegcompile.precision import Precision
from jpegcompile.processors import available_processors

# From the bytes of files to pixels [N, H, W, C] on a device.
Decoder = Callable[[Sequence[bytes]], Tensor]


def throughput(
    network: Network, precision: Precision, folder: Path, seconds: float
) -> list[Throughput]:
    """Measure each pipeline.

    The spatial pipelines decode to pixels and normalize on the device. One of them runs the network
    compiled for tensors; it differs from the pipeline with coefficients only in its input. The
    other one runs the original in ONNX Runtime, if ONNX Runtime can use the GPU.

    Args:
        network: network with images.
        precision: precision of the compiled networks.
        folder: folder for the compiled models.
        seconds: seconds to run each pipeline.
    """
    ours = network.compiled(folder / "coefficients", precision)
    spatial = network.compiled(folder / "tensors", precision, from_pixels=True)
    batch = ours.fixed_batch or network.batch
    files = [file.read_bytes() for file in network.files(batch)]
    taken, device = ours.info.input, ours.device
    name, decode = decoder(device, ours.preprocess.color_for(taken.channels))
    normalize = _normalizer(network, taken, device)

    def by_kernels() -> object:
        # The argument of `forward` may have another name.
        feeds = {"image": normalize(decode(files))}
        return [made.cpu() for made in outputs_of(lambda image: spatial(image), feeds)]

    pipelines: dict[str, Callable[[], object]] = {
        f"coefficients, {precision.name} kernels": lambda: ours.run(files),
        f"pixels by {name}, {precision.name} kernels": by_kernels,
    }
    session = cuda_session(network.original) if device.type == "cuda" and _has_cuda() else None
    if session is not None:
        pipelines[f"pixels by {name}, ONNX Runtime"] = lambda: _by_runtime(
            session, taken.name, normalize(decode(files))
        )
    return [
        Throughput(pipeline, batch / median_for(run, seconds, warm_up=2), batch)
        for pipeline, run in pipelines.items()
    ]


def _has_cuda() -> bool:
    import onnxruntime as ort

    return CUDA in ort.get_available_providers()


def _by_runtime(session: Any, name: str, images: Tensor) -> object:
    """Run the original on a batch in the memory of the device."""
    binding = session.io_binding()
    images = images.contiguous()
    torch.cuda.synchronize()
    binding.bind_input(
        name, "cuda", images.device.index or 0, np.float32, tuple(images.shape), images.data_ptr()
    )
    for output in session.get_outputs():
        binding.bind_output(output.name)
    session.run_with_iobinding(binding)
    return binding.copy_outputs_to_cpu()


def _normalizer(
    network: Network, taken: NetworkInput, device: torch.device
) -> Callable[[Tensor], Tensor]:
    """Return a function from pixels to the input of the original."""
    affine = network.preprocess.affine(taken.channels)
    scale, shift = (
        torch.tensor(v, dtype=torch.float32, device=device) for v in (affine.scale, affine.shift)
    )

    def normalize(pixels: Tensor) -> Tensor:
        values = pixels.float() * scale + shift
        return values if taken.layout == "NHWC" else values.permute(0, 3, 1, 2).contiguous()

    return normalize


def decoder(device: torch.device, color: Color) -> tuple[str, Decoder]:
    """Return the best installed decoder with its name: nvJPEG on GPUs, otherwise Pillow."""
    if device.type == "cuda" and find_spec("torchvision") is not None:
        return "nvJPEG (torchvision)", _by_torchvision(device, color)
    if device.type == "cuda" and find_spec("nvidia.dali") is not None:
        return "nvJPEG (DALI)", _by_dali(device, color)
    return "Pillow", _by_pillow(device, color)


def _by_pillow(device: torch.device, color: Color) -> Decoder:
    pool = ThreadPoolExecutor(available_processors())

    def decode(files: Sequence[bytes]) -> Tensor:
        pixels: list[NDArray[np.uint8]] = list(pool.map(lambda f: pillow_pixels(f, color), files))
        return torch.from_numpy(np.stack(pixels)).to(device)

    return decode


def _by_torchvision(device: torch.device, color: Color) -> Decoder:
    from torchvision.io import ImageReadMode, decode_jpeg

    mode = ImageReadMode.GRAY if color == "L" else ImageReadMode.RGB

    def decode(files: Sequence[bytes]) -> Tensor:
        given = [torch.frombuffer(bytearray(file), dtype=torch.uint8) for file in files]
        pixels = torch.stack(decode_jpeg(given, mode=mode, device=device)).permute(0, 2, 3, 1)
        return pixels.flip(-1) if color == "BGR" else pixels

    return decode


def _by_dali(device: torch.device, color: Color) -> Decoder:
    from nvidia.dali import fn, pipeline_def, types
    from nvidia.dali.plugin.pytorch import feed_ndarray

    kinds = {"L": types.GRAY, "RGB": types.RGB, "BGR": types.BGR}
    built: dict[int, Any] = {}

    @pipeline_def(num_threads=4, device_id=device.index or 0, prefetch_queue_depth=1)  # type: ignore[untyped-decorator]
    def pipeline() -> Any:
        encoded = fn.external_source(name="files")
        return fn.decoders.image(encoded, device="mixed", output_type=kinds[color])

    def decode(files: Sequence[bytes]) -> Tensor:
        if len(files) not in built:
            built[len(files)] = pipeline(batch_size=len(files))
            built[len(files)].build()
        running = built[len(files)]
        running.feed_input("files", [np.frombuffer(file, np.uint8) for file in files])
        (decoded,) = running.run()
        dense = decoded.as_tensor()
        pixels = torch.empty(tuple(dense.shape()), dtype=torch.uint8, device=device)
        feed_ndarray(dense, pixels, cuda_stream=torch.cuda.current_stream(device))
        return pixels

    return decode
