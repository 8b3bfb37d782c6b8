"""The whole search for a resolution, on the network and images of the demo."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.codes import refused
from support.commands import fails, run_json, run_text
from support.tiers import thorough

import jpegcompile
from jpegcompile import ResolutionPlan, ResolutionSearch, choose_resolution
from jpegcompile.commands.resolution import show_resolution_search
from jpegcompile.digits import images_path, model_path, preprocess_path
from jpegcompile.errors import CheckFailedError, UsageError
from jpegcompile.search.interval import PairedCounts
from jpegcompile.search.splits import require_budget

BUDGET = 15.0


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def search(cache: Path, **options: Any) -> ResolutionSearch:
    given: dict[str, Any] = {"max_drop": BUDGET, "preprocess": preprocess_path(), **options}
    return choose_resolution(model_path(), images_path(), cache=cache, **given)


@pytest.fixture(scope="module")
def found(cache: Path) -> ResolutionSearch:
    return search(cache)


def test_it_is_the_smallest_within_the_budget(found: ResolutionSearch) -> None:
    assert found.trained == (32, 32)
    assert found.plan.size < found.trained
    assert 100 * found.search.lowest_change() >= -BUDGET
    assert found.search.images == found.verification.images == 100
    within = {each.size: each.is_within for each in found.measured}
    assert within[found.plan.size]
    worth = [c.size for c in found.candidates if not c.refused]
    beyond = worth[worth.index(found.plan.size) + 1]
    assert not within[beyond]
    assert 0 < found.time < 0.9


def test_its_figures_are_those_of_the_compiled_model(
    found: ResolutionSearch, tmp_path: Path
) -> None:
    """Both halves together have the accuracy that `compare` measures on the whole folder."""
    path = tmp_path / "compiled.onnx"
    jpegcompile.compile(model_path(), preprocess=found.preprocess, resolution=found.plan).save(path)
    measured = jpegcompile.compare(model_path(), path, images_path())
    assert measured.exact is not None
    assert measured.after is not None
    both = (found.search.after + found.verification.after) / 2
    assert measured.exact.top1 == measured.after.top1 == pytest.approx(both, abs=1e-9)
    assert measured.agreement_exact == 1.0


@thorough
def test_several_views_are_averaged(tmp_path: Path) -> None:
    """The search averages views as the comparison of the compiled model does."""
    described = json.loads(preprocess_path().read_text())
    views = {**described, "resize": 36, "crop": "center", "views": "five"}
    found, path = search(tmp_path, preprocess=views, max_drop=60.0), tmp_path / "compiled.onnx"
    assert found.preprocess.geometry.views == "five"
    jpegcompile.compile(model_path(), preprocess=found.preprocess, resolution=found.plan).save(path)
    measured = jpegcompile.compare(model_path(), path, images_path())
    assert measured.exact is not None
    both = (found.search.after + found.verification.after) / 2
    assert both == pytest.approx(measured.exact.top1)


def test_the_compiled_file_tells(found: ResolutionSearch, tmp_path: Path, capsys: Any) -> None:
    path = tmp_path / "compiled.onnx"
    jpegcompile.compile(model_path(), preprocess=found.preprocess, resolution=found.plan).save(path)
    evidence = jpegcompile.load(path).info.report["resolution"]
    assert evidence["size"] == list(found.plan.size)
    assert evidence["verification"] == found.verification.to_json()
    assert evidence["source_sha256"] == jpegcompile.load(path).info.source_sha256
    text = run_text(capsys, "inspect", path)
    assert "resolution chosen to lose 15 points of top-1 at most; verification: top-1" in text


def test_evidence_of_another_model_is_left_out(found: ResolutionSearch) -> None:
    assert found.plan.evidence is not None
    other = ResolutionPlan(found.plan.size, {**found.plan.evidence, "source_sha256": "0"})
    compiled = jpegcompile.compile(
        model_path(), preprocess=found.preprocess, resolution=other, domain="auto"
    )
    assert compiled.report.resolution is None
    assert compiled.report.trained_size == (32, 32)


def test_it_is_the_same_again_and_from_the_cache(
    found: ResolutionSearch, cache: Path, tmp_path: Path
) -> None:
    assert search(tmp_path) == found
    seen: list[tuple[int, int]] = []
    assert search(cache, progress=lambda done, total: seen.append((done, total))) == found
    assert seen == [(seen[-1][1], seen[-1][1])]


def test_progress_rises_to_the_end(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    search(tmp_path, progress=lambda done, total: seen.append((done, total)))
    done = [each for each, _ in seen]
    assert done == sorted(done)
    assert seen[-1][0] == seen[-1][1]
    assert len(seen) > 10


def test_a_small_budget_leaves_the_size(cache: Path, capsys: Any) -> None:
    kept = search(cache, max_drop=2.7)
    assert kept.plan.size == (32, 32)
    assert kept.search.change == kept.verification.change == 0
    show_resolution_search(kept)
    assert "resolution: 32x32, the trained size; " in (capsys.readouterr().out)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"max_drop": 0}, "search-max-drop-out-of-range"),
        ({"max_drop": 0.5}, "search-images-too-few"),
        ({"labels": {}}, "search-model-guesses"),
    ],
)
def test_budgets_that_no_search_can_show(
    options: dict[str, Any], code: str, cache: Path, tmp_path: Path
) -> None:
    if "labels" in options:
        file = tmp_path / "labels.json"
        names = sorted(folder.name for folder in images_path().iterdir() if folder.is_dir())
        shifted = {name: (index + 1) % len(names) for index, name in enumerate(names)}
        file.write_text(str(shifted).replace("'", '"'))
        options = {"labels": file}
    with refused(code, UsageError):
        search(cache, **options)


def test_a_refuted_budget(found: ResolutionSearch) -> None:
    lost = np.ones(100, np.bool_)
    refuted = ResolutionSearch(
        **{**vars(found), "verification": PairedCounts.of(lost, ~lost), "max_drop": 50.0}
    )
    with refused("search-budget-refuted", CheckFailedError) as caught:
        require_budget(refuted)
    assert "100.00 points" in str(caught.value)
    require_budget(found)


def test_the_command(found: ResolutionSearch, cache: Path, tmp_path: Path, capsys: Any) -> None:
    line = ("compile", model_path(), "-o", tmp_path / "o.onnx", "--preprocess", preprocess_path())
    asked = (*line, "--resolution", "auto", "--domain", "auto")
    given = ("--max-drop", "15", "--images", images_path(), "--cache", cache)
    text = run_text(capsys, *asked, *given)
    height, width = found.plan.size
    assert f"resolution: {height}x{width} instead of the trained 32x32; " in text
    assert "measured: 28x28 (" in text
    assert "verification: top-1" in text
    assert jpegcompile.load(tmp_path / "o.onnx").info.input.size == found.plan.size
    data = run_json(capsys, *asked, *given, "--json")
    assert data["search"]["size"] == list(found.plan.size)
    assert "[search-budget-missing]" in fails(capsys, 2, *asked)
    assert "--resolution auto and a search of frequencies are two searches" in fails(
        capsys, 2, *line, "--resolution", "auto", "--frequencies", "auto", *given
    )
