"""Networks in other runtimes, for the pipelines of `jpegcompile bench`."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.networks import Network
from numpy.typing import NDArray

from jpegcompile.evaluation.benchmark.job import COMPILED, SPATIAL, Job
from jpegcompile.evaluation.benchmark.pipelines import (
    Pipeline,
    compiled_pipeline,
    open_session,
    session_network,
    spatial_pipeline,
)
from jpegcompile.metadata import CompiledInfo
from jpegcompile.preprocessing.reading import preprocess_of
from jpegcompile.runtime.native import custom_ops_library

Array = NDArray[Any]

ONNX_RUNTIME, OPENVINO, NCNN = "ONNX Runtime", "OpenVINO", "ncnn"


@dataclass(frozen=True)
class Side:
    """A way from bytes to outputs: a runtime and the model that it opens.

    Attributes:
        name: name of the runtime, or the value of `--domain` of a compiled model.
        model: path of the model.
        info: metadata of a compiled model of the same network.
        threads: threads of the runtime and of decoding.
    """

    name: str
    model: str
    info: CompiledInfo
    threads: int


class _OpenVino:
    """The network in OpenVINO."""

    def __init__(self, side: Side) -> None:
        import openvino

        core = openvino.Core()
        model = core.read_model(side.model)
        model.reshape([1, side.info.input.channels, *side.info.input.size])
        settings = {
            "INFERENCE_NUM_THREADS": side.threads,
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": "f32",
        }
        self._request = core.compile_model(model, "CPU", settings).create_infer_request()

    def __call__(self, batch: Array) -> list[Array]:
        result = self._request.infer([batch], share_inputs=True)
        return [np.array(value) for value in result.values()]


class _Ncnn:
    """The network in ncnn, from the files that pnnx makes of an ONNX model."""

    def __init__(self, side: Side) -> None:
        import ncnn

        self._ncnn, self._net = ncnn, ncnn.Net()
        options = self._net.opt
        options.num_threads = side.threads
        options.use_fp16_packed = options.use_fp16_storage = options.use_fp16_arithmetic = False
        options.use_bf16_storage = False
        base = Path(side.model)
        self._net.load_param(str(base.with_suffix(".ncnn.param")))
        self._net.load_model(str(base.with_suffix(".ncnn.bin")))

    def __call__(self, batch: Array) -> list[Array]:
        # A Mat does not own the array, so a reference to the array must exist.
        image = np.ascontiguousarray(batch[0])
        with self._net.create_extractor() as extractor:
            extractor.input("in0", self._ncnn.Mat(image))
            _, result = extractor.extract("out0")
            return [np.array(result)[np.newaxis]]


def pipeline_of(side: Side) -> Pipeline:
    """Return the pipeline from bytes to outputs in the runtime of a side."""
    library = custom_ops_library()
    job = Job(
        side=SPATIAL,
        model=side.model,
        folder=None,
        library=None if library is None else str(library),
        batch=1,
        threads=side.threads,
        input_mode=side.info.input_mode,
        image=side.info.input,
        frame=side.info.frame,
        preprocess=side.info.preprocess,
        ingest=None,
        network=None,
        parts_folder=None,
        sets=(),
    )
    if side.name not in (OPENVINO, NCNN, ONNX_RUNTIME):
        job = replace(job, side=COMPILED)
        return compiled_pipeline(job, open_session(job, side.model, None), None)
    network: Callable[[Array], list[Array]]
    if side.name == OPENVINO:
        network = _OpenVino(side)
    elif side.name == NCNN:
        network = _Ncnn(side)
    else:
        network = session_network(open_session(job, side.model, None))
    assert side.info.preprocess is not None
    preprocess = preprocess_of(side.info.preprocess)
    return spatial_pipeline(job.image, preprocess, job.threads, network)


def installed() -> list[str]:
    """Return the names of the other runtimes that are installed."""
    modules = {OPENVINO: ("openvino",), NCNN: ("ncnn", "pnnx")}
    return [
        name
        for name, needed in modules.items()
        if all(importlib.util.find_spec(module) for module in needed)
    ]


def made_for_ncnn(source: Path, network: Network) -> bool:
    """Write the files for ncnn next to the source, once.

    Returns:
        Whether ncnn has all operators of the network.
    """
    layers = source.with_suffix(".ncnn.param")
    if not layers.exists():
        shape = f"inputshape=[1,3,{network.size},{network.size}]"
        with tempfile.TemporaryDirectory(dir=source.parent) as folder:
            copy = Path(folder) / "network.onnx"
            copy.write_bytes(source.read_bytes())
            command = [str(Path(sys.executable).with_name("pnnx")), copy.name, shape, "fp16=0"]
            subprocess.run(command, check=True, capture_output=True, cwd=folder)
            for suffix in (".ncnn.bin", ".ncnn.param"):
                copy.with_suffix(suffix).replace(source.with_suffix(suffix))
    # Operators that pnnx cannot translate keep their PyTorch names, which contain a dot.
    unknown = [
        line.split()[0] for line in layers.read_text("utf-8").splitlines() if "." in line[:20]
    ]
    for operator in dict.fromkeys(unknown):
        print(f"{network.name}: ncnn has no {operator}", file=sys.stderr)
    return not unknown
