"""From the bytes of JPEG files to a network's outputs, beside other runtimes.

    python tests/benchmarks/end_to_end.py CACHE [--network NAME,...] [--threads 1,2]
        [--quality 75,90] [--repeats N] [--seconds S] [--json FILE]

The original network behind Pillow and NumPy in ONNX Runtime, in OpenVINO and in ncnn (those of the
two that are installed; `pip install openvino ncnn pnnx`), and the network as `jpegcompile compile`
makes it for `--domain jpeg` and `auto`, one image at a time. The compiled models are verified on
the same files first, the other runtimes are held against ONNX Runtime. Then all take turns, each in
a process of its own. Networks are those of `networks.py`, kept in the folder CACHE.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import multiprocessing
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.networks import (
    DOMAINS,
    NETWORKS,
    Network,
    compile_into,
    names_of,
    numbers_of,
    source_of,
)

import jpegcompile
from jpegcompile.errors import CheckFailedError
from jpegcompile.evaluation.benchmark.inputs import write_images
from jpegcompile.evaluation.benchmark.job import COMPILED, END_TO_END, NETWORK, SPATIAL, Job
from jpegcompile.evaluation.benchmark.pipelines import (
    Pipeline,
    compiled_pipeline,
    open_session,
    spatial_pipeline,
)
from jpegcompile.evaluation.verify import require_passed
from jpegcompile.metadata import CompiledInfo
from jpegcompile.runtime.native import custom_ops_library

Array = NDArray[Any]

ONNX_RUNTIME, OPENVINO, NCNN = "ONNX Runtime", "OpenVINO", "ncnn"
# Float32 in another order, by Winograd's larger tiles at that.
_TOLERANCE = 2e-3
# Threads of the runtimes spin for some time after a run.
_QUIET_SECONDS = 0.15
_IMAGES = 16


@dataclass(frozen=True)
class Side:
    """One way from bytes to outputs: a runtime and the model that it opens."""

    name: str
    model: str
    info: CompiledInfo
    threads: int


class _OpenVino:
    """OpenVINO, with as much of the interface of ONNX Runtime's session as pipelines use."""

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

    def get_inputs(self) -> list[Any]:
        return [SimpleNamespace(name="image", type="tensor(float)")]

    def run(self, _: None, feeds: Mapping[str, Array]) -> list[Array]:
        result = self._request.infer(list(feeds.values()), share_inputs=True)
        return [np.array(value) for value in result.values()]


class _Ncnn:
    """The same of ncnn, from the files that pnnx makes of an ONNX model."""

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

    def get_inputs(self) -> list[Any]:
        return [SimpleNamespace(name="image", type="tensor(float)")]

    def run(self, _: None, feeds: Mapping[str, Array]) -> list[Array]:
        (batch,) = feeds.values()
        # A Mat only refers to the array, which has to live as long.
        image = np.ascontiguousarray(batch[0])
        with self._net.create_extractor() as extractor:
            extractor.input("in0", self._ncnn.Mat(image))
            _, result = extractor.extract("out0")
            return [np.array(result)[np.newaxis]]


def _pipeline(side: Side) -> Pipeline:
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
    if side.name == OPENVINO:
        return spatial_pipeline(job, _OpenVino(side))
    if side.name == NCNN:
        return spatial_pipeline(job, _Ncnn(side))
    if side.name == ONNX_RUNTIME:
        return spatial_pipeline(job, open_session(job, side.model, None))
    job = replace(job, side=COMPILED)
    return compiled_pipeline(job, open_session(job, side.model, None), None)


def _work(side: Side, link: Connection) -> None:
    """A process: opens its model, answers with outputs, or with the median time of its runs."""
    pipeline = _pipeline(side)
    while (asked := link.recv()) is not None:
        stage, files, seconds = asked
        if seconds is None:
            link.send([pipeline.end_to_end([file])[0] for file in files])
            continue
        runs = [pipeline.step(stage, [file]) for file in files]
        for run in runs[:2]:
            run()
        times: list[float] = []
        end = time.perf_counter() + seconds
        while len(times) < len(runs) or time.perf_counter() < end:
            begin = time.perf_counter()
            runs[len(times) % len(runs)]()
            times.append(time.perf_counter() - begin)
        link.send(statistics.median(times))


class _Worker:
    def __init__(self, side: Side) -> None:
        self.side = side
        self._link, theirs = multiprocessing.Pipe()
        self._process = multiprocessing.get_context("spawn").Process(
            target=_work, args=(side, theirs), daemon=True
        )
        self._process.start()
        theirs.close()

    def ask(self, stage: str, files: Sequence[bytes], seconds: float | None) -> Any:
        self._link.send((stage, files, seconds))
        try:
            answer = self._link.recv()
        except EOFError:
            sys.exit(f"{self.side.name}: the process ended; its error is above")
        time.sleep(_QUIET_SECONDS)
        return answer

    def end(self) -> None:
        if self._process.is_alive():
            self._link.send(None)
        self._process.join()


def _installed() -> list[str]:
    modules = {OPENVINO: ("openvino",), NCNN: ("ncnn", "pnnx")}
    return [
        name
        for name, needed in modules.items()
        if all(importlib.util.find_spec(module) for module in needed)
    ]


def _for_ncnn(source: Path, network: Network) -> bool:
    """Make ncnn's files beside the source, once; False if the network has what ncnn has not."""
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
    # What pnnx could not translate keeps the name that it has in PyTorch.
    unknown = [
        line.split()[0] for line in layers.read_text("utf-8").splitlines() if "." in line[:20]
    ]
    for operator in dict.fromkeys(unknown):
        print(f"{network.name}: ncnn has no {operator}", file=sys.stderr)
    return not unknown


def _sides(network: Network, cache: Path) -> list[Side]:
    source = source_of(network, cache)
    compiled = {}
    for domain in DOMAINS:
        path = cache / f"{network.name}.{domain}.coefficients.onnx"
        compile_into(path, source, domain, {"preprocess": network.preprocess})
        compiled[domain] = path
    info = jpegcompile.load(compiled[DOMAINS[0]]).info
    others = _installed()
    if NCNN in others and not _for_ncnn(source, network):
        others.remove(NCNN)
    models = {ONNX_RUNTIME: source, **compiled, **dict.fromkeys(others, source)}
    return [Side(name, str(model), info, 1) for name, model in models.items()]


def measured(network: Network, arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """A row for each quality, number of threads and stage: seconds and ratios of every side."""
    rows = []
    sides = _sides(network, arguments.cache)
    frame = sides[0].info.frame
    assert frame is not None
    with tempfile.TemporaryDirectory() as folder:
        for quality in arguments.quality:
            paths = write_images(frame, quality, _IMAGES, Path(folder))
            verify_compiled(sides, folder)
            files = [path.read_bytes() for path in paths]
            for threads in arguments.threads:
                workers = [_Worker(replace(side, threads=threads)) for side in sides]
                try:
                    _check(workers, files)
                    for stage in (END_TO_END, NETWORK):
                        times = _times(workers, stage, files, arguments)
                        rows.append(_row(network, quality, threads, stage, times))
                finally:
                    for worker in workers:
                        worker.end()
            for path in paths:
                path.unlink()
    return rows


def verify_compiled(sides: Sequence[Side], folder: str) -> None:
    """Exit unless the compiled models, on the files of a folder, give the first side's answers."""
    for side in sides:
        if side.name in DOMAINS:
            try:
                require_passed(jpegcompile.verify(sides[0].model, side.model, folder))
            except CheckFailedError as error:
                sys.exit(f"{side.model}: {error}")


def _check(workers: Sequence[_Worker], files: Sequence[bytes]) -> None:
    """Other runtimes compute what ONNX Runtime computes; compiled models were verified."""
    expected = np.concatenate(workers[0].ask(END_TO_END, files, None))
    for worker in workers[1:]:
        if worker.side.name in DOMAINS:
            continue
        actual = np.concatenate(worker.ask(END_TO_END, files, None))
        error = np.abs(actual - expected).max() / np.abs(expected).max()
        if not error < _TOLERANCE:
            sys.exit(f"{worker.side.name}: outputs are off by {error:.2g} of the largest")


def _times(
    workers: Sequence[_Worker], stage: str, files: Sequence[bytes], arguments: argparse.Namespace
) -> dict[str, list[float]]:
    """Seconds of an image in every round; another side goes first each time."""
    taking_part = [w for w in workers if stage == END_TO_END or w.side.name not in DOMAINS]
    times: dict[str, list[float]] = {worker.side.name: [] for worker in taking_part}
    for turn in range(arguments.repeats):
        first = turn % len(taking_part)
        for worker in taking_part[first:] + taking_part[:first]:
            times[worker.side.name].append(worker.ask(stage, files, arguments.seconds))
    return times


def _row(
    network: Network, quality: int, threads: int, stage: str, times: Mapping[str, list[float]]
) -> dict[str, Any]:
    reference = times[ONNX_RUNTIME]
    ratios = {
        name: statistics.median(t / r for t, r in zip(values, reference, strict=True))
        for name, values in times.items()
    }
    seconds = {name: statistics.median(values) for name, values in times.items()}
    return {
        "network": network.name,
        "quality": quality,
        "threads": threads,
        "stage": stage,
        "seconds": seconds,
        "ratios": ratios,
    }


def markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """A table: milliseconds of ONNX Runtime, and ratios of the others to it."""
    names = list(dict.fromkeys(name for row in rows for name in row["ratios"]))
    others = [name for name in names if name != ONNX_RUNTIME]
    head = ["network", "quality", "threads", "stage", f"{ONNX_RUNTIME}, ms", *others]
    lines = [head, ["---"] * len(head)]
    for row in rows:
        ratios = [f"{row['ratios'][n]:.2f}" if n in row["ratios"] else "-" for n in others]
        time_ = f"{1e3 * row['seconds'][ONNX_RUNTIME]:.2f}"
        lead = [row["network"], row["quality"], row["threads"], row["stage"], time_]
        lines.append([str(value) for value in lead] + ratios)
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    """Measure and print the table."""
    names = [network.name for network in NETWORKS]
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("cache", type=Path, metavar="CACHE", help="folder for the networks")
    parser.add_argument("--network", type=names_of(names), default=names)
    parser.add_argument("--threads", type=numbers_of, default=[1, 2])
    parser.add_argument("--quality", type=numbers_of, default=[75, 90])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.25)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all that was measured")
    arguments = parser.parse_args()
    arguments.cache.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, Any]] = []
    for network in NETWORKS:
        if network.name in arguments.network:
            print(network.name, file=sys.stderr)
            rows += measured(network, arguments)
    if arguments.json is not None:
        content = {"onnxruntime": ort.__version__, "rows": rows}
        arguments.json.write_text(json.dumps(content, indent=2), encoding="utf-8")
    print(markdown(rows))


if __name__ == "__main__":
    main()
