"""The parts of `bench`: models of every kind, generated images, processes and profiles."""

from __future__ import annotations

import io
import json
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from PIL import Image
from support.codes import refused
from support.half_precision import halved
from support.images import make_jpeg
from support.tiers import quick_of, thorough
from support.tiny_residual import tiny_residual

import jpegcompile
from jpegcompile.errors import AccessError, ImageError, InternalError, UnsupportedModelError
from jpegcompile.evaluation.benchmark import profile
from jpegcompile.evaluation.benchmark.input_sets import photograph_like, write_images
from jpegcompile.evaluation.benchmark.job import COMPILED, SPATIAL, InputSet, Job, job_of
from jpegcompile.evaluation.benchmark.operators import NodeTime, by_operator, node_times
from jpegcompile.evaluation.benchmark.pipelines import run_session
from jpegcompile.evaluation.benchmark.process import Process
from jpegcompile.evaluation.benchmark.results import Timing
from jpegcompile.evaluation.pillow import pillow_pixels
from jpegcompile.jpeg.read import read_coefficients
from jpegcompile.jpeg.subsampling import frame_of, subsampling_of
from jpegcompile.network_input import NetworkInput
from jpegcompile.runtime import native


def bench(source: Path, compiled: Path, **options: Any) -> jpegcompile.Benchmark:
    quick: dict[str, Any] = {"threads": (1,), "rounds": 1, "seconds": 0.0}
    return jpegcompile.bench(source, compiled, **{"batches": (2,), **quick, **options})


def saved(folder: Path, model: onnx.ModelProto, **options: Any) -> tuple[Path, Path]:
    source, compiled = folder / "source.onnx", folder / "compiled.onnx"
    onnx.save(model, source)
    external = options.pop("external_data", False)
    jpegcompile.compile(source, **options).save(compiled, external_data=external)
    return source, compiled


KINDS: list[tuple[Callable[[], onnx.ModelProto], dict[str, Any]]] = [
    (lambda: tiny_residual(layout="NHWC"), {"preprocess": "cifar10"}),
    (lambda: tiny_residual(layout="NHWC"), {"input": "tensor"}),
    (lambda: tiny_residual(channels=1), {"preprocess": "unit"}),
    (lambda: tiny_residual(normalize=True), {"preprocess": "none", "subsampling": "4:2:2"}),
    (tiny_residual, {"preprocess": "cifar10", "target": "onnx"}),
    (tiny_residual, {"preprocess": "cifar10", "external_data": True}),
]


@pytest.mark.parametrize(("make", "options"), quick_of(KINDS, quick=2))
def test_models_of_every_kind(
    make: Callable[[], onnx.ModelProto], options: dict[str, Any], tmp_path: Path
) -> None:
    result = bench(*saved(tmp_path, make(), **options))
    (cell,) = result.cells
    (check,) = result.checks
    assert check.passed
    names = {timing.stage for timing in cell.timings}
    assert names == ({"network"} if "input" in options else {*names, "decode", "end to end"})


@thorough
def test_a_model_in_float16(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The native operators support float32 only.
    monkeypatch.setattr(native, "custom_ops_library", lambda: None)
    result = bench(*saved(tmp_path, halved(tiny_residual()), preprocess="cifar10"))
    assert result.checks[0].is_half


@thorough
def test_a_model_that_takes_integers(tmp_path: Path) -> None:
    model = tiny_residual()
    model.graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.UINT8
    model.graph.input[0].name = "pixels"
    cast = onnx.helper.make_node("Cast", ["pixels"], ["image"], to=onnx.TensorProto.FLOAT)
    model.graph.node.insert(0, cast)
    result = bench(*saved(tmp_path, model, preprocess="none"))
    assert result.checks[0].passed


@thorough
def test_a_link_to_a_model_with_weights_beside_it(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    source, compiled = saved(
        tmp_path / "there", tiny_residual(), input="tensor", external_data=True
    )
    link = tmp_path / "link.onnx"
    link.symlink_to(compiled)
    assert bench(source, link).checks[0].passed


@pytest.mark.thorough
def test_progress_reaches_its_total(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    bench(
        *saved(tmp_path, tiny_residual(), input="tensor"),
        batches=(1, 2),
        rounds=3,
        progress=lambda done, total: seen.append((done, total)),
    )
    # Two cells with two sides, and five steps each: check, preparation, three rounds.
    assert seen == [(done, 20) for done in range(1, 21)]


def test_ratios_are_of_rounds() -> None:
    # A round in which the machine was slow for both sides does not change the ratio.
    timing = Timing("network", None, {"spatial": (1.0, 10.0, 1.0), "compiled": (2.0, 20.0, 3.0)})
    assert timing.seconds("compiled") == 3.0
    assert timing.ratio("compiled") == 2.0


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0", "gray"])
def test_made_images(subsampling: str, tmp_path: Path) -> None:
    paths = write_images(frame_of(subsampling, 40, 56), 75, 3, tmp_path)
    for path in paths:
        coefficients = read_coefficients(path)
        assert (coefficients.height, coefficients.width) == (40, 56)
        assert subsampling_of(coefficients.frame) == subsampling
    assert len({path.read_bytes() for path in paths}) == 3
    again = write_images(frame_of(subsampling, 40, 56), 75, 3, tmp_path / "..")
    assert [path.read_bytes() for path in again] == [path.read_bytes() for path in paths]


def test_made_images_are_like_photographs() -> None:
    """Each octave has about the same power, unlike in white noise and in smooth shapes."""
    pixels = photograph_like(256, 256, 0).astype(np.float64).mean(-1)
    power = np.abs(np.fft.rfft2(pixels - pixels.mean()))[:128, :128] ** 2
    rows, columns = np.mgrid[:128, :128]
    radius = np.hypot(rows, columns)
    octaves = [power[(radius >= r) & (radius < 2 * r)].sum() for r in (4, 8, 16, 32, 64)]
    # In white noise, the power grows by 4 from each octave to the next.
    assert max(octaves) < 8 * min(octaves)
    stream = io.BytesIO()
    Image.fromarray(photograph_like(224, 224, 0)).save(stream, "JPEG", quality=75)
    # Photographs of this size have 1 to 3 bits a pixel.
    assert 1 < 8 * len(stream.getvalue()) / 224**2 < 3


def test_bytes_that_pillow_refuses() -> None:
    with refused("pillow-cannot-decode", ImageError):
        pillow_pixels(b"nothing", "RGB")
    assert pillow_pixels(make_jpeg(24, 16), "BGR").shape == (16, 24, 3)


@pytest.fixture
def job(tmp_path: Path) -> Job:
    source = tmp_path / "source.onnx"
    onnx.save(tiny_residual(), source)
    tensors = tmp_path / "tensors.npy"
    np.save(tensors, np.zeros((4, 3, 32, 32), np.float32))
    return Job(
        side=SPATIAL,
        model=str(source),
        folder=None,
        library=None,
        batch=2,
        threads=1,
        input_mode="tensor",
        image=NetworkInput("image", 3, 32, 32, "NCHW"),
        frame=None,
        preprocess=None,
        ingest=None,
        network=None,
        parts_folder=None,
        sets=(InputSet("tensors", (), str(tensors)),),
    )


def test_a_job_survives_json(job: Job) -> None:
    assert job_of(json.loads(json.dumps(job.to_json()))) == job


def test_a_process_runs_what_it_is_asked(job: Job, tmp_path: Path) -> None:
    with Process(job, tmp_path) as process:
        assert process.outputs == ["probabilities", "logits"]
        (path,) = process.ask("outputs", str(tmp_path))["files"]
        with np.load(path) as arrays:
            assert [arrays[name].shape for name in arrays.files] == [(4, 10), (4, 10)]
        assert len(process.ask("prepare")["seconds"]) == 1
        assert len(process.ask("time", "network", None, 5, 1)["seconds"]) == 5
    assert process._process.poll() is not None


def test_a_profile_is_of_a_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model for the bytes of a file runs once for each file; the times are sums over a batch."""
    _, compiled = saved(tmp_path, tiny_residual(), input="jpeg", preprocess="unit")
    files = [tmp_path / f"{index}.jpg" for index in range(3)]
    for index, file in enumerate(files):
        file.write_bytes(make_jpeg(32, 32, quality=60 + 10 * index))
    session = jpegcompile.load(compiled)
    job = Job(
        side=COMPILED,
        model=str(compiled),
        folder=None,
        library=session.execution.library,
        batch=3,
        threads=1,
        input_mode=session.info.input_mode,
        image=session.info.input,
        frame=session.info.frame,
        preprocess=session.info.preprocess,
        ingest=None,
        network=None,
        parts_folder=None,
        sets=(InputSet("images", tuple(map(str, files)), ""),),
    )
    seen: list[int] = []

    def counted(session: Any, feeds: dict[str, Any]) -> Any:
        seen.append(len(feeds["jpeg"]))
        return run_session(session, feeds)

    profiled: list[tuple[int, int]] = []

    def times_of(path: Path, runs: int, warm_up: int) -> list[NodeTime]:
        events = json.loads(path.read_text(encoding="utf-8"))
        decodes = [e for e in events if e.get("args", {}).get("op_name") == "JpegDecode"]
        durations = [e["dur"] / 1e6 for e in decodes if e["name"].endswith("_kernel_time")]
        profiled.append((runs, len(durations)))
        times = node_times(path, runs, warm_up)
        (decode,) = (time for time in times if time.op == "JpegDecode")
        batches = [sum(durations[i : i + 3]) for i in range(3 * warm_up, len(durations), 3)]
        assert decode.seconds == pytest.approx(float(np.median(batches)))
        return times

    monkeypatch.setattr(profile, "run_session", counted)
    monkeypatch.setattr(profile, "node_times", times_of)
    profile.profile(job, 4)
    assert profiled == [(6, 18)]
    assert seen == 6 * [file.stat().st_size for file in files]


def test_errors_of_a_process_are_ours(job: Job, tmp_path: Path) -> None:
    with refused("bench-model-not-loaded", UnsupportedModelError) as caught:
        Process(replace(job, model=str(tmp_path / "none.onnx")), tmp_path)
    assert "none.onnx" in str(caught.value)
    np.save(job.sets[0].tensors, np.zeros((4, 5, 32, 32), np.float32))
    with (
        Process(job, tmp_path) as process,
        refused("bench-run-failed", UnsupportedModelError),
    ):
        process.ask("outputs", str(tmp_path))


@pytest.mark.skipif(os.name == "nt", reason="signals are of POSIX")
def test_a_process_that_is_killed(job: Job, tmp_path: Path) -> None:
    with Process(job, tmp_path) as process:
        os.kill(process._process.pid, signal.SIGKILL)
        with refused("bench-process-killed", AccessError) as caught:
            process.ask("prepare")
    assert str(caught.value).startswith(f"{job.model}: ")


def test_a_process_that_fails_by_itself(job: Job, tmp_path: Path) -> None:
    with Process(job, tmp_path) as process, refused("bench-process-ended", InternalError) as caught:
        process.ask("frobnicate")
    assert "code 1: AttributeError: " in str(caught.value)


@thorough
def test_no_process_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Process] = []
    plain = Process.__init__

    def start(self: Process, job: Job, folder: Path) -> None:
        plain(self, job, folder)
        started.append(self)
        if len(started) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(Process, "__init__", start)
    with pytest.raises(KeyboardInterrupt):
        bench(*saved(tmp_path, tiny_residual(), input="tensor"))
    assert started[0]._process.poll() is not None
    started[1].end()


def event(node: str, op: str, microseconds: int) -> dict[str, Any]:
    name = f"{node}_kernel_time"
    return {"cat": "Node", "name": name, "dur": microseconds, "args": {"op_name": op}}


def test_node_times(tmp_path: Path) -> None:
    path = tmp_path / "profile.json"
    events = [{"cat": "Session", "name": "model_run", "dur": 1}]
    # Two runs to warm up and three that count; the node in a loop runs twice in each.
    for cost in (900, 800, 10, 30, 20):
        events += [event("first", "Conv", cost), event("second", "Conv", 100)]
        events += [event("inner", "Add", 4), event("inner", "Add", cost)]
    path.write_text(json.dumps(events), encoding="utf-8")
    times = node_times(path, runs=5, warm_up=2)
    assert [(time.node, time.op) for time in times] == [
        ("second", "Conv"),
        ("inner", "Add"),
        ("first", "Conv"),
    ]
    assert [time.seconds for time in times] == pytest.approx([100e-6, 24e-6, 20e-6])
    sums = by_operator(times)
    assert [(op, count) for op, (count, _) in sums.items()] == [("Conv", 2), ("Add", 1)]
    assert [seconds for _, seconds in sums.values()] == pytest.approx([120e-6, 24e-6])
