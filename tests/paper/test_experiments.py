"""The experiments with the network and the images of the demo."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from PIL import Image
from support.codes import refused
from support.images import make_jpeg
from support.third_party import CIFAR10
from support.tiers import thorough

import jpegcompile
from jpegcompile import PaperResults
from jpegcompile.digits import images_path, model_path, preprocess_path
from jpegcompile.errors import AccessError, CheckFailedError, ImageError, UsageError
from jpegcompile.evaluation.compare import score_files
from jpegcompile.reproduction import throughput as timing
from jpegcompile.reproduction.conversion import conversion, conversion_scores
from jpegcompile.reproduction.plots import require_matplotlib
from jpegcompile.reproduction.results import JSON_NAME, require_folder
from jpegcompile.reproduction.subject import Material, Subject, material, prepare
from jpegcompile.reproduction.throughput import image_runs, round_images, throughput

BLOCKS = 1000
LIMIT = 40
PLOTS = ("block_rmse", "accuracy", "throughput")


@pytest.fixture(scope="module")
def progress() -> list[tuple[int, int]]:
    return []


@pytest.fixture(scope="module")
def results(progress: list[tuple[int, int]]) -> PaperResults:
    return jpegcompile.paper(
        blocks=BLOCKS, limit=LIMIT, progress=lambda *state: progress.append(state)
    )


@pytest.fixture
def subject(tmp_path: Path) -> Subject:
    return prepare(material(None, None, None), tmp_path, limit=12, threads=1)


def accuracy_of(subject: Subject, folder: Path, **plan: Any) -> float:
    """Return the top-1 that `compare` measures, for a separately compiled model."""
    path = folder / "plan.onnx"
    jpegcompile.compile(subject.model, **subject.options, **plan).save(path)
    session = jpegcompile.load(path)
    scores = score_files(session, subject.source, subject.images.files, subject.output)
    return float(np.mean(scores.after.argmax(axis=1) == subject.images.labels))


@pytest.mark.parametrize("library", ["pillow", pytest.param("opencv", marks=[thorough])])
def test_images_of_any_size(library: str, tmp_path: Path) -> None:
    """Both pipelines resize images and return the scores of their models."""
    for index in range(4):
        folder = tmp_path / "images" / str(index)
        folder.mkdir(parents=True)
        size = (50 - 5 * index, 34 + 9 * index)
        (folder / "image.jpg").write_bytes(make_jpeg(*size, subsampling=index % 2))
    resize = {"size": 36, "library": library}
    preprocess = {"preset": "unit", "resize": resize, "crop": "center"}
    given = Material(model_path(), tmp_path / "images", preprocess)
    labels = {str(index): index for index in range(4)}
    (tmp_path / "labels.json").write_text(json.dumps(labels), encoding="utf-8")
    found = prepare(given, tmp_path, labels=tmp_path / "labels.json", threads=1)
    scores = conversion_scores(found)
    assert conversion(found, scores).agreement == 1
    timed = throughput(found, scores, threads=2, rounds=1)
    assert [(one.batch, one.images) for one in timed.timings] == [(1, 4), (4, 4)]
    with refused("paper-scores-differ", CheckFailedError) as caught:
        throughput(found, replace(scores, before=1.01 * scores.before), threads=1, rounds=1)
    assert "spatial" in str(caught.value)


@thorough
def test_progress_reaches_its_end(results: PaperResults, progress: list[tuple[int, int]]) -> None:
    assert results.images == LIMIT
    (total,) = {whole for _, whole in progress}
    done = [part for part, _ in progress]
    assert done == sorted(done)
    assert done[-1] == total


def test_conversion(results: PaperResults) -> None:
    found = results.conversion
    assert found.top1_compiled == found.top1_float >= 0.9
    assert found.agreement == 1
    assert 0 < found.mean_deviation < found.largest_deviation < 1e-5 * found.largest_score


def test_a_perturbed_weight_shows_in_the_conversion(subject: Subject) -> None:
    model = onnx.ModelProto()
    model.CopyFrom(subject.source.model)
    weight = next(t for t in model.graph.initializer if len(t.dims) == 4)
    values = numpy_helper.to_array(weight).copy()
    values.flat[0] += 0.01
    weight.CopyFrom(numpy_helper.from_array(values, weight.name))
    wrong = replace(subject, source=replace(subject.source, model=model))
    exact, faulty = (conversion(s, conversion_scores(s)) for s in (subject, wrong))
    assert faulty.largest_deviation > 100 * exact.largest_deviation


def test_accuracy_at_all_frequencies_is_the_exact_one(results: PaperResults) -> None:
    for points in (results.accuracy.asm, results.accuracy.apx, results.accuracy.truncated):
        assert len(points) == 15
        assert points[14].after == results.accuracy.exact == results.conversion.top1_compiled
        assert (points[14].lost, points[14].gained) == (0, 0)
        assert points[0].after < 0.5


@pytest.mark.parametrize(
    ("series", "number", "plan"),
    [
        ("asm", 5, {"frequencies": 5}),
        ("apx", 5, {"frequencies": 5, "relu": "apx"}),
        ("truncated", 5, {"truncate": 5}),
        ("truncated", 4, {"truncate": 4}),
    ],
)
def test_accuracies_are_those_of_compiled_models(
    series: str, number: int, plan: dict[str, Any], results: PaperResults, tmp_path: Path
) -> None:
    whole = prepare(material(None, None, None), tmp_path, limit=LIMIT)
    counts = getattr(results.accuracy, series)[number - 1]
    assert counts.after == pytest.approx(accuracy_of(whole, tmp_path, **plan), abs=1e-12)
    # A neighboring number gives another accuracy here, so the test tells them apart.
    assert counts.after != getattr(results.accuracy, series)[number].after


def test_throughput(results: PaperResults) -> None:
    found = results.throughput
    assert [t.batch for t in found.timings] == [1, 32]
    assert [t.images for t in found.timings] == [LIMIT, 32]
    assert found.agreement >= 0.95
    for one in found.timings:
        assert len(one.spatial) == len(one.jpeg) == found.rounds
        data = one.to_json()
        assert data["ratio"] == np.median(np.divide(one.jpeg, one.spatial))
        assert data["jpeg"] == np.median(one.jpeg)


def test_a_pipeline_with_wrong_scores_is_not_timed(
    subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("timed")

    monkeypatch.setattr(timing, "_speeds", refuse)
    scores = conversion_scores(subject)
    for wrong, name in (
        (replace(scores, before=scores.before + 0.001), "spatial"),
        (replace(scores, exact=scores.exact + 0.001), "jpeg"),
        (replace(scores, exact=np.full_like(scores.exact, np.nan)), "jpeg"),
    ):
        with refused("paper-scores-differ", CheckFailedError) as caught:
            throughput(subject, wrong, 1, rounds=1)
        assert f"the {name} pipeline" in str(caught.value)
    with pytest.raises(AssertionError, match="timed"):
        throughput(subject, scores, 1, rounds=1)


@pytest.mark.parametrize("batch", [5, 50])
def test_a_fixed_batch_model_is_timed_at_its_batch_size(batch: int, tmp_path: Path) -> None:
    model = onnx.load(model_path())
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = batch
    given = Material(model, images_path(), preprocess_path())
    subject = prepare(given, tmp_path, limit=12, threads=1)
    assert subject.fixed_batch == batch
    assert round_images(subject) == ({5: 10} if batch == 5 else {12: 12})
    done: list[int] = []
    found = throughput(subject, conversion_scores(subject), 1, rounds=2, progress=done.append)
    assert [(t.batch, t.images) for t in found.timings] == list(round_images(subject).items())
    assert sum(done) == image_runs(subject, 2)


@thorough
def test_saved_files(results: PaperResults, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    files = results.save(folder)
    assert sorted(folder.iterdir()) == sorted(files)
    names = {JSON_NAME, *(f"{name}.{kind}" for name in PLOTS for kind in ("png", "svg"))}
    assert {file.name for file in files} == names
    data = json.loads((folder / JSON_NAME).read_text(encoding="utf-8"))
    assert data == json.loads(json.dumps(results.to_json()))
    assert data["model"] == model_path().name
    for name in PLOTS:
        with Image.open(folder / f"{name}.png") as image:
            assert image.size == (1280, 840)
            assert len(image.convert("RGB").getcolors(1 << 24) or []) > 20
        assert "<svg" in (folder / f"{name}.svg").read_text(encoding="utf-8")


@thorough
def test_saved_files_do_not_depend_on_chance(results: PaperResults, tmp_path: Path) -> None:
    first, second = (
        {file.name: file.read_bytes() for file in results.save(tmp_path / name)}
        for name in ("first", "second")
    )
    assert first == second


@thorough
def test_plots_show_the_numbers(results: PaperResults, tmp_path: Path) -> None:
    """Another result gives another picture."""
    results.save(tmp_path)
    first = (tmp_path / "accuracy.svg").read_bytes()
    accuracy = results.accuracy
    replace(results, accuracy=replace(accuracy, truncated=accuracy.apx)).save(tmp_path)
    assert (tmp_path / "accuracy.svg").read_bytes() != first


@thorough
def test_a_name_of_any_kind_fits_the_plot(results: PaperResults, tmp_path: Path) -> None:
    replace(results, model="$x_{" + "long" * 60 + ".onnx").save(tmp_path)
    with Image.open(tmp_path / "accuracy.png") as image:
        assert image.size == (1280, 840)
        edges = np.asarray(image.convert("L"))[:, [0, -1]]
    assert (edges == 255).all()


def test_without_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    require_matplotlib()
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
    with refused("matplotlib-not-installed", AccessError) as caught:
        require_matplotlib()
    assert "pip install 'jpegcompile[paper]'" in str(caught.value)


def test_a_folder_that_cannot_be_made(results: PaperResults, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"")
    for path in (file, file / "inside"):
        with refused("paper-output-not-a-folder", AccessError) as caught:
            require_folder(path)
        assert str(caught.value).startswith(f"{file}: ")
    with refused("paper-folder-not-created", AccessError):
        results.save(file / "inside")
    require_folder(tmp_path / "a" / "b")
    assert list(tmp_path.iterdir()) == [file]


def test_a_folder_that_is_not_writable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)
    with refused("paper-output-not-writable", AccessError) as caught:
        require_folder(tmp_path / "new")
    assert str(caught.value).startswith(f"{tmp_path}: ")


@pytest.mark.parametrize(
    ("arguments", "code", "option"),
    [
        ((None, "dir", None), "paper-model-missing", "--images"),
        ((None, None, "unit"), "paper-model-missing", "--preprocess"),
        (("m.onnx", None, "unit"), "paper-images-missing", "--images"),
        (("m.onnx", "dir", None), "paper-preprocess-missing", "--preprocess"),
    ],
)
def test_material(arguments: tuple[Any, Any, Any], code: str, option: str) -> None:
    with refused(code, UsageError) as caught:
        material(*arguments)
    assert option in str(caught.value)


def test_limit(tmp_path: Path) -> None:
    with refused("paper-limit-out-of-range", UsageError):
        prepare(material(None, None, None), tmp_path, limit=0)
    chosen = prepare(material(None, None, None), tmp_path, limit=20)
    # The images are chosen evenly from first to last: two of each class.
    assert sorted(chosen.images.labels) == sorted([*range(10)] * 2)


def test_a_damaged_image_comes_out_first(tmp_path: Path) -> None:
    group = tmp_path / "images" / "0"
    group.mkdir(parents=True)
    whole = next(iter(sorted((images_path() / "0").iterdir()))).read_bytes()
    (group / "good.jpg").write_bytes(whole)
    (group / "half.jpg").write_bytes(whole[:200])
    with pytest.raises(ImageError, match=r"half\.jpg"):
        jpegcompile.paper(
            model_path(), tmp_path / "images", preprocess=preprocess_path(), blocks=10**12
        )


# Top-1 of the akamaster network on cifar10_test, measured independently of this code.
PUBLISHED = {
    "asm": {15: 0.8090, 14: 0.8070, 12: 0.8100, 10: 0.8090, 8: 0.7540, 6: 0.6140, 4: 0.2825},
    "apx": {15: 0.8090, 12: 0.8060, 10: 0.7950, 8: 0.6370, 6: 0.2720, 4: 0.1545},
    "truncated": {12: 0.8105, 10: 0.8170, 8: 0.7405, 6: 0.4485},
}


@thorough
@pytest.mark.shared
def test_published_accuracies(shared: Path) -> None:
    network = next(model for model in CIFAR10 if model.name == "akamaster_resnet20_option_a")
    found = jpegcompile.paper(
        network.path(shared),
        shared / "images" / "cifar10_test",
        preprocess=network.preprocess,
        blocks=2,
    ).accuracy
    assert found.exact == pytest.approx(network.top1, abs=1e-9)
    for series, wanted in PUBLISHED.items():
        for number, top1 in wanted.items():
            assert abs(getattr(found, series)[number - 1].after - top1) <= 0.005
