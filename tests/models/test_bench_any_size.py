"""The parts of `bench` for images of any size: reading ahead, checks, and all kinds of files."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest
from support.bench_targets import SHORT, target_of
from support.codes import refused
from support.images import make_jpeg
from support.mixed_files import mixed_file
from support.tiers import thorough
from support.tiny_residual import tiny_residual

import jpegcompile
from jpegcompile.errors import CheckFailedError, ImageError
from jpegcompile.evaluation.benchmark import ahead
from jpegcompile.evaluation.benchmark.ahead import Overlap, Sharing, fastest, read_ahead
from jpegcompile.evaluation.benchmark.any_size import opener, sharings
from jpegcompile.evaluation.benchmark.checks import Checks
from jpegcompile.evaluation.benchmark.difference import differences
from jpegcompile.evaluation.benchmark.input_sets import write_photographs
from jpegcompile.evaluation.benchmark.job import COMPILED, InputSet, Job
from jpegcompile.evaluation.benchmark.job_templates import JobTemplates
from jpegcompile.evaluation.benchmark.rivals import file_reader
from jpegcompile.evaluation.benchmark.rivals.readable import readable
from jpegcompile.evaluation.benchmark.rivals.registry import RIVALS, Chosen, chosen_rivals
from jpegcompile.evaluation.benchmark.rivals.target import Target
from jpegcompile.evaluation.benchmark.timer import Timer
from jpegcompile.evaluation.tolerance import Tolerance
from jpegcompile.jpeg.read import read_coefficients
from jpegcompile.jpeg.subsampling import subsampling_of
from jpegcompile.messages import code_of
from jpegcompile.progress import Steps


def test_batches_are_read_ahead_in_their_order() -> None:
    begun: list[bytes] = []
    third = threading.Event()

    def read(batch: Sequence[bytes]) -> bytes:
        begun.append(batch[0])
        if len(begun) == 3:
            third.set()
        return batch[0]

    batches = [[bytes([index])] for index in range(6)]
    stream = read_ahead(read, batches)
    assert next(stream) == b"\0"
    # While the caller has the first, the second is read and no more; then the third.
    assert next(stream) == b"\1"
    assert third.wait(10)
    assert list(stream) == [bytes([index]) for index in range(2, 6)]
    assert begun == [batch[0] for batch in batches]


def test_no_more_than_two_batches_are_read_ahead() -> None:
    begun: list[int] = []
    stream = read_ahead(lambda batch: begun.append(len(begun)), ([b""] for _ in range(100)))
    for _ in range(5):
        next(stream)
    stream.close()
    assert 5 <= len(begun) <= 6


def test_errors_of_the_reader_thread_are_raised() -> None:
    def read(batch: Sequence[bytes]) -> None:
        raise ImageError("damaged")

    with pytest.raises(ImageError, match="damaged"):
        next(read_ahead(read, [[b""]]))


def test_reader_and_network_work_at_once() -> None:
    """Each stage waits for the other one to run; without overlap both would wait forever."""
    meeting = threading.Barrier(2, timeout=10)
    first = threading.Event()

    def read(batch: Sequence[bytes]) -> None:
        if first.is_set():
            meeting.wait()
        first.set()

    def finish(made: None) -> None:
        meeting.wait()

    overlap = Overlap(Sharing(1, 1), read, finish)
    stream = read_ahead(overlap.read, [[b""]] * 3)
    for _ in range(2):
        overlap.finish(next(stream))


def test_the_time_of_a_pipeline_is_that_of_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0

    def finish(made: object) -> None:
        nonlocal now
        now += 3.0

    monkeypatch.setattr(ahead, "perf_counter", lambda: now)
    overlap = Overlap(Sharing(1, 1), lambda batch: batch, finish)
    assert overlap.seconds([[b""]], 4) == 3.0


def test_each_side_takes_the_sharing_that_is_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    assert sharings(1) == []
    ways = sharings(4)
    assert ways == [Sharing(1, 3), Sharing(4, 4)]
    overlaps = [Overlap(way, lambda batch: batch, lambda made: None) for way in ways]
    costs = {ways[0]: 2.0, ways[1]: 1.0}
    monkeypatch.setattr(Overlap, "seconds", lambda self, batches, runs: costs[self.sharing])
    assert fastest(overlaps, [[b""]]).sharing == ways[1]
    costs[ways[1]] = 3.0
    assert fastest(overlaps, [[b""]]).sharing == ways[0]


def test_differences() -> None:
    first = {"scores": np.array([[1.0, 2.0], [4.0, 3.0]]), "boxes": np.zeros((2, 3))}
    second = {"scores": np.array([[1.5, 2.0], [3.0, 3.5]]), "boxes": np.zeros((1, 3))}
    scores, boxes = differences(["scores", "boxes"], [(second, first), (first, first)])
    assert (scores.difference, scores.largest, scores.same_top1, scores.inputs) == (1.0, 4.0, 3, 4)
    assert boxes.difference == np.inf


def test_photographs_of_usual_sizes(tmp_path: Path) -> None:
    paths = write_photographs(75, 5, tmp_path)
    frames = [read_coefficients(path).frame for path in paths]
    found = [(frame.width, frame.height, subsampling_of(frame)) for frame in frames]
    sizes = ((500, 375), (640, 480))
    kinds = [(*size, sampling) for size in sizes for sampling in ("4:2:0", "4:4:4")]
    assert found == [*kinds, kinds[0]]
    assert len({path.read_bytes() for path in paths}) == 5


class Answers:
    """A process with prepared answers; the outputs of its pipeline are in a file."""

    outputs = ("logits",)

    def __init__(self, job: Job, pipelined: Path) -> None:
        self.job = job
        self._pipelined = pipelined

    def ask(self, command: str, folder: str = "") -> dict[str, Any]:
        if command == "prepare":
            return {"seconds": [], "sharing": vars(Sharing(1, 1))}
        assert command == "pipelined"
        return {"files": [str(self._pipelined)]}


def test_a_pipeline_that_mixes_files_up_is_not_timed(tmp_path: Path) -> None:
    values = np.random.default_rng(3).normal(size=(4, 10))
    right, wrong = tmp_path / "right.npz", tmp_path / "wrong.npz"
    np.savez(right, values)
    np.savez(wrong, values[::-1])
    job = replace(rival_job(tmp_path), side=COMPILED)
    templates = JobTemplates(tmp_path, (job,), True, Tolerance(), ((),))
    timer = Timer(templates, 1, 0.0, False, Steps(None, 1))
    process: Any = Answers(job, right)
    # The first side is the reference; with tensors, its own outputs are the exact ones.
    first: Any = SimpleNamespace(job=replace(job, sets=(InputSet("t", (), ""),)))
    checks = Checks(templates, first, [str(right)])
    assert len(timer._prepared([process], checks)) == 1
    process = Answers(job, wrong)
    with pytest.raises(CheckFailedError, match="output 'logits': conversion error"):
        timer._prepared([process], checks)


def rival_job(folder: Path) -> Job:
    source = folder / "source.onnx"
    onnx.save(tiny_residual(), source)
    target = target_of(SHORT)
    return Job(
        side="pillow",
        model=str(source),
        folder=None,
        library=None,
        batch=1,
        threads=1,
        input_mode="coefficients",
        image=target.taken.normalized(target.preprocess),
        frame=None,
        preprocess=target.preprocess.to_json(),
        ingest=None,
        network=None,
        parts_folder=None,
        sets=(InputSet("images", ("a.jpg",), ""),),
    )


def test_rivals_that_do_not_read_all_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [str(tmp_path / name) for name in ("a.jpg", "b.jpg", "a.jpg")]
    Path(files[0]).write_bytes(make_jpeg(60, 50))
    Path(files[1]).write_bytes(make_jpeg(50, 60))
    target, seen = target_of(SHORT), []

    def failing(_: Target) -> Any:
        def read(file: bytes) -> Any:
            seen.append(len(file))
            if len(seen) == 2:
                raise ValueError("no such\nsampling")

        return read

    chosen = chosen_rivals(["pillow", "pillow-box"], target.preprocess.geometry)
    assert readable(chosen, target, files, is_named=True) == chosen
    others = {name: RIVALS[name] for name in RIVALS if name != "pillow"}
    rivals = {"pillow": replace(RIVALS["pillow"], make=failing), **others}
    monkeypatch.setattr(file_reader, "RIVALS", rivals)
    left = readable(chosen, target, files, is_named=False, tolerant=True)
    assert left.rivals == {"pillow-box": chosen.rivals["pillow-box"]}
    assert code_of(left.left_out["pillow"]) == "rival-left-out"
    assert files[1] in left.left_out["pillow"]
    # The end marker adds two bytes.
    assert seen == [Path(file).stat().st_size + 2 for file in files[:2]]
    alone = chosen_rivals(["pillow"], target.preprocess.geometry)
    for some, is_named in ((chosen, True), (alone, False)):
        seen.clear()
        with refused("rival-cannot-read-file", ImageError) as caught:
            readable(some, target, files, is_named=is_named)
        assert str(caught.value).startswith(f"{files[1]}: pillow ")


def test_a_file_that_a_rival_cannot_read(tmp_path: Path) -> None:
    pipeline = opener(rival_job(tmp_path))().pipeline(with_parts=False)
    with refused("rival-cannot-read", ImageError) as caught:
        pipeline.end_to_end([b"nothing"])
    assert str(caught.value).startswith("pillow ")
    (probabilities, _) = pipeline.end_to_end([make_jpeg(60, 50)])
    assert probabilities.shape == (1, 10)


def test_pillow_reads_what_a_rival_cannot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(target: Target) -> Callable[[bytes], Any]:
        return lambda file: bytes.index(file, b"no image holds this")

    job = replace(rival_job(tmp_path), side="narrow", fallback="pixels")
    narrow = replace(RIVALS["torchvision"], name="narrow", make=refuses)
    monkeypatch.setattr(file_reader, "RIVALS", {**RIVALS, "narrow": narrow})
    file = mixed_file("png", 50, 60)
    made, by_pillow = (
        opener(one)().pipeline(with_parts=False).end_to_end([file])[1]
        for one in (job, replace(job, side="pillow"))
    )
    assert np.array_equal(made, by_pillow)
    with refused("rival-cannot-read", ImageError):
        opener(replace(job, fallback="none"))().pipeline(with_parts=False).end_to_end([file])


def test_rivals_take_part_where_pillow_reads_for_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(target: Target) -> Callable[[bytes], Any]:
        return lambda file: bytes.index(file, b"\xff\xd9") and RIVALS["pillow"].make(target)(file)

    narrow = replace(RIVALS["torchvision"], name="narrow", make=refuses)
    monkeypatch.setattr(file_reader, "RIVALS", {**RIVALS, "narrow": narrow})
    files = [str(tmp_path / name) for name in ("a.jpg", "b.png", "b.png")]
    Path(files[0]).write_bytes(make_jpeg(60, 50))
    Path(files[1]).write_bytes(mixed_file("png", 50, 60))
    chosen, target = Chosen({"pillow": "", "narrow": ""}, {}), target_of(SHORT)
    options: dict[str, Any] = {"is_named": True, "tolerant": True}
    kept = readable(chosen, target, files, fallback="pixels", **options)
    assert kept == replace(chosen, read_by_pillow={"narrow": 1})
    with refused("rival-cannot-read-file", ImageError) as caught:
        readable(chosen, target, files, **options)
    assert "b.png: narrow " in str(caught.value)
    # Now Pillow cannot read the file either.
    Path(files[1]).write_bytes(b"nothing")
    left = readable(chosen, target, files[:1], fallback="pixels", is_named=False)
    assert left == chosen
    with refused("rival-cannot-read-file", ImageError) as caught:
        readable(chosen, target, files, fallback="pixels", **options)
    assert "b.png: pillow " in str(caught.value)


@pytest.mark.thorough
@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"domain": "auto"}, marks=[thorough]),
        {"preprocess": {**SHORT, "views": "five"}},
        pytest.param({"preprocess": {**SHORT, "views": "ten"}, "input": "jpeg"}, marks=[thorough]),
        pytest.param({"input": "jpeg"}, marks=[thorough]),
        pytest.param({"target": "onnx"}, marks=[thorough]),
        pytest.param({"preprocess": {**SHORT, "decoder": "libjpeg-turbo"}}, marks=[thorough]),
    ],
)
def test_models_of_every_kind(options: dict[str, Any], tmp_path: Path) -> None:
    source, compiled = tmp_path / "source.onnx", tmp_path / "compiled.onnx"
    onnx.save(tiny_residual(layout="NHWC"), source)
    jpegcompile.compile(source, **{"preprocess": SHORT, **options}).save(compiled)
    (tmp_path / "images").mkdir()
    for index, size in enumerate(((60, 50), (40, 90))):
        (tmp_path / "images" / f"{index}.jpg").write_bytes(make_jpeg(*size))
    result = jpegcompile.bench(
        source,
        compiled,
        tmp_path / "images",
        batches=[2],
        threads=[2],
        rounds=1,
        seconds=0,
        rivals=["pillow-box"],
    )
    (cell,) = result.cells
    assert result.checks[0].passed
    # The difference of the decoders is known only with the rival `pillow`.
    assert [output.decoder for output in result.checks[0].outputs] == [None, None]
    assert list(cell.sides) == ["pillow-box", "compiled"]
    stages = [timing.stage for timing in cell.timings]
    assert stages == ["input", "network", "end to end", "pipelined"]
    assert all(side.sharing in sharings(2) for side in cell.sides.values())


@thorough
def test_images_of_the_networks_size_behind_the_integers_of_libjpeg(tmp_path: Path) -> None:
    """Pillow computes the same integers, so the original has the same outputs with Pillow."""
    source, compiled = tmp_path / "source.onnx", tmp_path / "compiled.onnx"
    onnx.save(tiny_residual(), source)
    preprocess = {"preset": "unit", "decoder": "libjpeg-turbo"}
    jpegcompile.compile(source, preprocess=preprocess).save(compiled)
    names = ["pillow", "pillow-box"]
    result = jpegcompile.bench(
        source, compiled, batches=[16], threads=[1], rounds=1, seconds=0, rivals=names
    )
    assert result.rivals == dict.fromkeys(names, "")
    (cell,) = result.cells
    allowed = [output.allowed for output in result.checks[0].outputs]
    for name in names:
        found = [found.difference for found in cell.sides[name].differences]
        assert all(own <= most for own, most in zip(found, allowed, strict=True))
