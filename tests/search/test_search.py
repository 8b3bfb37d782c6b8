"""The whole search for frequencies, on the network and images of the demo."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.codes import refused
from support.graphs import Graph
from support.tiers import thorough

import jpegcompile
from jpegcompile import FrequencyPlan, FrequencySearch, choose_frequencies
from jpegcompile.commands.search import show_search
from jpegcompile.digits import images_path, model_path, preprocess_path
from jpegcompile.errors import CheckFailedError, ImageError, UnsupportedModelError, UsageError
from jpegcompile.evaluation.stability import Stability, measure_stability
from jpegcompile.search.interval import PairedCounts
from jpegcompile.search.probe import Probe
from jpegcompile.search.splits import require_budget

IMAGES_OF_A_CLASS = 4
BUDGET = 15.0


def top1_after(compiled: Path, images: Path) -> float:
    result = jpegcompile.compare(model_path(), compiled, images)
    assert result.after is not None
    return result.after.top1


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four images of each class of the demo."""
    folder = tmp_path_factory.mktemp("images")
    for group in sorted(images_path().iterdir()):
        (folder / group.name).mkdir()
        for file in sorted(group.iterdir())[:IMAGES_OF_A_CLASS]:
            (folder / group.name / file.name).write_bytes(file.read_bytes())
    return folder


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def search(images: Path, cache: Path, **options: Any) -> FrequencySearch:
    given: dict[str, Any] = {"max_drop": BUDGET, "preprocess": preprocess_path(), **options}
    return choose_frequencies(model_path(), images, cache=cache, **given)


@pytest.fixture(scope="module")
def found(images: Path, cache: Path) -> FrequencySearch:
    return search(images, cache)


def test_the_search_stays_within_its_budget(found: FrequencySearch) -> None:
    half = 10 * IMAGES_OF_A_CLASS // 2
    assert (found.search.images, found.verification.images) == (half, half)
    assert 100 * found.search.lowest_change() >= -BUDGET
    assert found.mean_frequencies < 12
    assert found.mean_truncate < 12
    assert len(found.masks) == len(found.kept) == len(found.plan.nodes)


def test_its_figures_are_those_of_the_compiled_models(
    found: FrequencySearch, images: Path, tmp_path: Path
) -> None:
    """Both halves together have the accuracy that `compare` measures on the whole folder."""
    total = found.search.images + found.verification.images
    for plan, attribute in ((15, "before"), (found.plan, "after")):
        path = tmp_path / f"{attribute}.onnx"
        jpegcompile.compile(model_path(), preprocess=preprocess_path(), frequencies=plan).save(path)
        measured = top1_after(path, images)
        both = (getattr(found.search, attribute) + getattr(found.verification, attribute)) / 2
        assert measured * total == pytest.approx(both * total, abs=1e-9)


def test_the_compiled_file_tells(found: FrequencySearch, tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    compiled = jpegcompile.compile(
        model_path(), preprocess=preprocess_path(), frequencies=found.plan
    )
    compiled.save(path)
    record = jpegcompile.inspect(path).compiled
    assert record is not None
    assert record.frequencies is not None
    assert record.frequencies == json.loads(json.dumps(found.plan.to_json()))
    evidence = record.frequencies["evidence"]
    assert evidence.items() >= json.loads(json.dumps(found.to_json())).items()
    assert evidence["source_sha256"] == record.source_sha256
    assert compiled.report.notes == []
    for node in compiled.report.nodes:
        if node.masking is not None:
            assert (node.frequencies, node.truncate) == (
                found.plan.of(node.name).mask,
                found.plan.of(node.name).keep,
            )


def test_a_second_search_measures_nothing(
    found: FrequencySearch, images: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("measured again")

    monkeypatch.setattr(Probe, "scores", refuse)
    assert search(images, cache) == found


def test_another_budget_needs_no_new_sensitivities(
    found: FrequencySearch, images: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original: Any = Probe.scores
    numbers_of_nodes: list[int] = []

    def scores(self: Probe, files: Any, plan: FrequencyPlan, *rest: Any) -> Any:
        numbers_of_nodes.append(len(plan.nodes))
        return original(self, files, plan, *rest)

    monkeypatch.setattr(Probe, "scores", scores)
    wider = search(images, cache, max_drop=40.0)
    assert sum(wider.masks) + sum(wider.kept) < sum(found.masks) + sum(found.kept)
    # Count whole plans only. A sensitivity is measured with a plan of one node.
    assert numbers_of_nodes
    assert set(numbers_of_nodes) == {len(found.plan.nodes)}


class _StopError(Exception):
    """Represents Ctrl-C, which pytest would handle itself."""


@pytest.mark.thorough
def test_an_interrupted_search_goes_on(
    images: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls, progress = [], []
    original = Probe.scores

    def scores(self: Probe, *arguments: Any) -> Any:
        calls.append(arguments)
        if len(calls) == 12:
            raise _StopError
        return original(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Probe, "scores", scores)
        with pytest.raises(_StopError):
            search(images, tmp_path, truncate=15)
    kept = (next(tmp_path.iterdir())).read_text(encoding="utf-8")
    # All calls except the exact scores and the interrupted call.
    assert len(kept.split("\n\n")) == 10
    result = search(images, tmp_path, truncate=15, progress=lambda *state: progress.append(state))
    assert result == search(images, cache, truncate=15)
    assert next(tmp_path.iterdir()).read_text(encoding="utf-8").startswith(kept)
    (total,) = {whole for _, whole in progress}
    done = [part for part, _ in progress]
    assert done == sorted(done)
    assert done[-1] == total


@thorough
def test_stability_is_measured(
    found: FrequencySearch, images: Path, cache: Path, tmp_path: Path
) -> None:
    assert found.stability is not None
    assert found.stability.images == 10 * IMAGES_OF_A_CLASS // 2
    assert not found.stability.is_chaotic
    assert found.refused is None
    assert found.to_json()["stability"] == found.stability.to_json()
    path = tmp_path / "m.onnx"
    jpegcompile.compile(model_path(), preprocess=preprocess_path(), frequencies=found.plan).save(
        path
    )
    some = sorted(images.rglob("*.jpg"))[::4]
    assert not measure_stability(jpegcompile.load(path), some).is_chaotic
    # Without approximated masks there is no stability to measure.
    assert search(images, cache, has_exact_masks=True).stability is None


@thorough
def test_chaotic_plans_are_refused(
    found: FrequencySearch, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pretend that outputs depend on rounding if a mask has fewer than 12 frequencies."""

    def stability(self: Probe, files: Any, plan: FrequencyPlan, *_: Any) -> Stability:
        is_coarse = any(plan.of(knob.node).mask < 12 for knob in self.knobs.values())
        return Stability(len(files), len(files) // 4 if is_coarse else 0, 0.5 if is_coarse else 0)

    monkeypatch.setattr(Probe, "stability", stability)
    result = search(images, tmp_path)
    assert min(found.masks) < 12
    assert min(result.masks) >= 12
    assert result.stability is None or not result.stability.is_chaotic
    half = 10 * IMAGES_OF_A_CLASS // 2
    assert result.refused == Stability(half, half // 4, 0.5)
    assert result.plan.evidence is not None
    assert result.plan.evidence["refused_as_chaotic"]["moved"] == half // 4
    show_search(result)
    assert search(images, tmp_path) == result


def test_a_fixed_truncation(images: Path, cache: Path) -> None:
    result = search(images, cache, truncate=15)
    assert set(result.kept) == {15}
    assert result.mean_frequencies < 12


def test_exact_masks(images: Path, cache: Path, tmp_path: Path) -> None:
    """Only kept frequencies are chosen; truncation is then fused into the convolutions."""
    result = search(images, cache, has_exact_masks=True)
    assert result.masks == ()
    assert result.mean_frequencies == 15
    assert result.mean_truncate < 12
    assert {node.mask for node in result.plan.nodes.values()} == {15}
    compiled = jpegcompile.compile(
        model_path(), preprocess=preprocess_path(), frequencies=result.plan
    )
    assert any(n.op_type.endswith("ReluTruncate") for n in compiled.model.graph.node)
    compiled.save(tmp_path / "m.onnx")
    measured = top1_after(tmp_path / "m.onnx", images)
    halves = (result.search.after + result.verification.after) / 2
    assert measured == pytest.approx(halves, abs=1e-9)


def test_a_truncation_that_takes_the_whole_budget(images: Path, cache: Path) -> None:
    with refused("search-truncate-over-budget", CheckFailedError) as error:
        search(images, cache, truncate=3)
    assert "--max-drop is 15;" in str(error.value)


@pytest.mark.parametrize("value", [0, 16, True, 7.5])
def test_a_truncation_that_there_is_not(images: Path, tmp_path: Path, value: Any) -> None:
    with refused("frequency-number-out-of-range", UsageError):
        search(images, tmp_path, truncate=value)
    with refused("relu-unknown", UsageError):
        search(images, tmp_path, relu="exact")
    assert not list(tmp_path.iterdir())


def test_a_model_without_nonlinearity(images: Path, tmp_path: Path) -> None:
    linear = Graph(
        """(T[N,3,32,32] x) => (T[] y) { g = GlobalAveragePool(x)  f = Flatten(g)
            y = MatMul(f, w) }""",
        {"w": (3, 10)},
    ).model("float")
    with refused("search-without-nonlinearity", UnsupportedModelError):
        choose_frequencies(linear, images, max_drop=BUDGET, preprocess="unit", cache=tmp_path)


@thorough
def test_apx_needs_more_frequencies(found: FrequencySearch, images: Path, cache: Path) -> None:
    asm, apx = (search(images, cache, truncate=15, relu=relu) for relu in ("asm", "apx"))
    assert apx.plan.masking == "apx"
    assert apx.mean_frequencies > asm.mean_frequencies


def test_too_few_images(images: Path, cache: Path) -> None:
    with refused("search-images-too-few", UsageError) as error:
        search(images, cache, max_drop=1.0)
    for number in ("20 of the images", "268", "536 images", "12 points"):
        assert number in str(error.value)
    with refused("search-max-drop-out-of-range", UsageError):
        search(images, cache, max_drop=-1)


def test_the_budget_that_is_advised_is_enough(images: Path, cache: Path, tmp_path: Path) -> None:
    """The search uses one of two images of each of five classes, which can show 35.2 points."""
    few = tmp_path / "few"
    for group in sorted(images.iterdir())[:5]:
        (few / group.name).mkdir(parents=True)
        for file in sorted(group.iterdir())[:2]:
            shutil.copy(file, few / group.name)
    with refused("search-images-too-few", UsageError) as error:
        search(few, cache, max_drop=1.0)
    assert "35.2 points" in str(error.value)


def test_a_damaged_image(images: Path, tmp_path: Path) -> None:
    for group in images.iterdir():
        (tmp_path / group.name).mkdir()
        for file in group.iterdir():
            (tmp_path / group.name / file.name).write_bytes(file.read_bytes())
    bad = sorted((tmp_path / "4").iterdir())[0]
    bad.write_bytes(bad.read_bytes()[:100])
    with pytest.raises(ImageError, match=str(bad)):
        search(tmp_path, tmp_path / "cache")


def test_require_budget(found: FrequencySearch) -> None:
    require_budget(found)
    # A certain loss of 20 points.
    refuted = replace(found, max_drop=1.0, verification=PairedCounts(1000, 800, 200, 0))
    with refused("search-budget-refuted", CheckFailedError) as error:
        require_budget(refuted)
    assert "20.00 points" in str(error.value)
    # The same loss on so few images can be chance.
    require_budget(replace(found, max_drop=1.0, verification=PairedCounts(10, 8, 2, 0)))
