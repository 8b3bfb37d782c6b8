"""Results of parts of a folder, merged, are the result of the folder."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from support.codes import refused
from support.commands import few_images
from support.tiers import thorough

import jpegcompile
from jpegcompile.digits import model_path, preprocess_path
from jpegcompile.errors import UsageError
from jpegcompile.evaluation.comparison import Comparison, merged_comparisons
from jpegcompile.evaluation.comparison_evidence import ComparisonEvidence, ScoreSum
from jpegcompile.evaluation.dataset import jpeg_files
from jpegcompile.evaluation.evidence import OutputEvidence
from jpegcompile.evaluation.verification import Verification, merged_verifications
from jpegcompile.evaluation.verify import require_passed
from jpegcompile.results.merging import Shard
from jpegcompile.weights.write import save

TRIALS = range(3)
# More than there are images: of every part, all images are traced.
ALL = 1000


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("compiled") / "digits.jpeg.onnx"
    jpegcompile.compile(model_path(), preprocess=preprocess_path()).save(path)
    return path


@pytest.fixture(scope="module")
def approximate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A compiled model with other answers: predictions change, and it is not verified."""
    path = tmp_path_factory.mktemp("approximate") / "digits.jpeg.onnx"
    jpegcompile.compile(model_path(), preprocess=preprocess_path(), frequencies=2).save(path)
    return path


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images of ten classes, two damaged files, a hidden folder, and files in no folder."""
    folder = few_images(tmp_path_factory.mktemp("images"))
    whole = next((folder / "4").iterdir()).read_bytes()
    (folder / "4" / "broken.jpg").write_bytes(whole[:200])
    (folder / "7" / "a.jpg").write_bytes(b"nothing")
    (folder / ".hidden").mkdir()
    (folder / ".hidden" / "x.jpg").write_bytes(whole)
    (folder / "loose.jpg").write_bytes(whole)
    return folder


def random_parts(files: Sequence[Path], seed: int) -> list[list[Path]]:
    """The files in two to five parts, in any order."""
    generator = np.random.default_rng(seed)
    count = int(generator.integers(2, 6))
    shuffled = [files[i] for i in generator.permutation(len(files))]
    cuts = sorted(generator.choice(np.arange(8, len(files) - 1, 8), count - 1, replace=False))
    return [list(part) for part in np.split(np.asarray(shuffled, object), cuts)]


def json_of(result: Verification | Comparison) -> Any:
    """The JSON of a result that went through JSON, as `jpegcompile merge` reads it."""
    return json.loads(json.dumps(type(result).from_json(result.to_json()).to_json()))


def verified(original: object, path: Path, images: Path, **options: Any) -> Verification:
    return jpegcompile.verify(
        original,  # type: ignore[arg-type]
        path,
        images,
        node_inputs=ALL,
        on_error="skip",
        **options,
    )


def compared(path: Path, images: Path, **options: Any) -> Comparison:
    return jpegcompile.compare(model_path(), path, images, on_error="skip", **options)


@pytest.fixture(scope="module")
def approximate_parts(approximate: Path, images: Path) -> tuple[Any, list[Verification]]:
    """The verification of other answers as JSON, and those of parts of the images."""
    parts = random_parts(jpeg_files(images).files, 0)
    results = [verified(model_path(), approximate, images, files=part) for part in parts]
    return json_of(verified(model_path(), approximate, images)), results


def test_verifications(approximate_parts: tuple[Any, list[Verification]]) -> None:
    whole, results = approximate_parts
    assert len(whole["skipped"]) == 2
    assert whole["ignored"]
    assert not whole["passed"]
    assert json_of(merged_verifications(results)) == whole
    assert json_of(merged_verifications(reversed(results))) == whole


@thorough
@pytest.mark.parametrize("kind", ["compiled", "approximate"])
def test_more_verifications(kind: str, images: Path, request: pytest.FixtureRequest) -> None:
    path = request.getfixturevalue(kind)
    whole = json_of(verified(model_path(), path, images))
    assert len(whole["skipped"]) == 2
    assert whole["ignored"]
    assert whole["passed"] == (kind == "compiled")
    for seed in TRIALS:
        parts = random_parts(jpeg_files(images).files, seed)
        results = [verified(model_path(), path, images, files=part) for part in parts]
        assert json_of(merged_verifications(results)) == whole
        assert json_of(merged_verifications(reversed(results))) == whole


@pytest.mark.parametrize("kind", ["compiled", "approximate"])
def test_comparisons(kind: str, images: Path, request: pytest.FixtureRequest) -> None:
    path = request.getfixturevalue(kind)
    whole = json_of(compared(path, images))
    assert len(whole["skipped"]) == 2
    assert whole["unlabelled"] == {".": 1}
    assert bool(whole["changes"]) == (kind == "approximate")
    for seed in TRIALS:
        parts = random_parts(jpeg_files(images).files, seed)
        results = [compared(path, images, files=part) for part in parts]
        assert json_of(merged_comparisons(results)) == whole
        assert json_of(merged_comparisons(reversed(results))) == whole


@pytest.mark.parametrize("unlabelled", [False, pytest.param(True, marks=thorough)])
def test_shards(compiled: Path, images: Path, unlabelled: bool) -> None:
    whole = json_of(compared(compiled, images, unlabelled=unlabelled))
    parts = [compared(compiled, images, unlabelled=unlabelled, shard=f"{i}/3") for i in (2, 3, 1)]
    assert parts[0].shards == (Shard(2, 3),)
    assert parts[0].merge(parts[1]).shards == (Shard(2, 3), Shard(3, 3))
    assert json_of(merged_comparisons(parts)) == whole
    whole = json_of(verified(model_path(), compiled, images))
    results = [verified(model_path(), compiled, images, shard=(i, 2)) for i in (1, 2)]
    assert json_of(merged_verifications(results)) == whole


@thorough
def test_a_defect_is_found_in_every_part(compiled: Path, images: Path, tmp_path: Path) -> None:
    """What explains the nodes' errors is measured for the first inputs of each part."""
    model = onnx.load(compiled)
    weights = (t for t in model.graph.initializer if len(t.dims) == 4 and t.dims[2] > 1)
    kernel = list(weights)[2]
    kernel.CopyFrom(numpy_helper.from_array(1.02 * numpy_helper.to_array(kernel), kernel.name))
    broken = tmp_path / "broken.onnx"
    save(model, broken)
    whole = verified(model_path(), broken, images)
    parts = random_parts(jpeg_files(images).files, 0)
    merged = merged_verifications(
        verified(model_path(), broken, images, files=part) for part in parts
    )
    with refused("conversion-error-above-tolerance"):
        require_passed(merged)
    assert merged.suspect == whole.suspect is not None
    found, expected = json_of(merged), json_of(whole)
    for data in (found, expected):
        assert all(node.pop("allowed") > 0 for node in data["nodes"])
        for node in data["evidence"]["nodes"]:
            assert node.pop("is_explained")
            assert node.pop("own") >= 0
    assert found == expected


def forgets_margins(first: OutputEvidence, second: OutputEvidence) -> OutputEvidence:
    return replace(MERGE_OUTPUTS(first, second), margins=first.margins)


def forgets_rounding(first: OutputEvidence, second: OutputEvidence) -> OutputEvidence:
    return replace(MERGE_OUTPUTS(first, second), own=first.own)


def forgets_entries(first: OutputEvidence, second: OutputEvidence) -> OutputEvidence:
    return replace(MERGE_OUTPUTS(first, second), entries=first.entries)


def forgets_decoder(first: OutputEvidence, second: OutputEvidence) -> OutputEvidence:
    return replace(MERGE_OUTPUTS(first, second), decoder=first.decoder, same_pillow=0)


def forgets_nothing(first: Any, second: Any) -> Any:
    return (MERGE_OUTPUTS if isinstance(first, OutputEvidence) else MERGE_COUNTS)(first, second)


def forgets_labels(first: ComparisonEvidence, second: ComparisonEvidence) -> ComparisonEvidence:
    """Count all images as if the second part had the classes of the first."""
    merged = MERGE_COUNTS(first, second)
    some, *others = first.labels
    counted = {label: first.labels[label] for label in others}
    return replace(merged, labels={**counted, some: merged.images - sum(counted.values())})


def averages_the_means(first: ComparisonEvidence, second: ComparisonEvidence) -> ComparisonEvidence:
    """A mean that does not count how many images each part has."""
    merged = MERGE_COUNTS(first, second)
    scores = merged.conversion.scores
    mean = (first.conversion.mean + second.conversion.mean) / 2
    return replace(merged, conversion=ScoreSum((mean * scores,), scores))


MERGE_OUTPUTS = OutputEvidence.merge
MERGE_COUNTS = ComparisonEvidence.merge


@pytest.mark.parametrize(
    "merge",
    [
        forgets_margins,
        *(
            pytest.param(merge, marks=thorough)
            for merge in (forgets_nothing, forgets_rounding, forgets_entries, forgets_decoder)
        ),
    ],
)
def test_a_forgotten_part_of_a_verification_is_seen(
    merge: Callable[[Any, Any], OutputEvidence],
    approximate_parts: tuple[Any, list[Verification]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole, results = approximate_parts
    monkeypatch.setattr(OutputEvidence, "merge", merge)
    merged = [merged_verifications(parts) for parts in (results, results[::-1])]
    is_right = all(json_of(result) == whole for result in merged)
    assert is_right == (merge is forgets_nothing)


@pytest.fixture(scope="module")
def whole_and_parts(approximate: Path, images: Path) -> tuple[Any, list[Comparison]]:
    """The JSON of a comparison on all images, and comparisons on parts of them."""
    parts = random_parts(jpeg_files(images).files, 0)
    return json_of(compared(approximate, images)), [
        compared(approximate, images, files=part) for part in parts
    ]


@pytest.mark.parametrize("merge", [forgets_nothing, forgets_labels, averages_the_means])
def test_a_forgotten_part_of_a_comparison_is_seen(
    merge: Callable[[Any, Any], ComparisonEvidence],
    whole_and_parts: tuple[Any, list[Comparison]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole, results = whole_and_parts
    monkeypatch.setattr(ComparisonEvidence, "merge", merge)
    assert (json_of(reduce(Comparison.merge, results)) == whole) == (merge is forgets_nothing)


def test_results_that_cannot_be_merged(compiled: Path, approximate: Path, images: Path) -> None:
    first, second = (compared(compiled, images, shard=f"{i}/9") for i in (1, 2))
    with refused("merge-shard-twice", UsageError):
        first.merge(first)
    with refused("merge-shard-with-whole", UsageError):
        first.merge(replace(second, shards=()))
    with refused("merge-shard-counts-differ", UsageError):
        first.merge(replace(second, shards=(Shard(2, 8),)))
    with refused("merge-results-differ", UsageError) as caught:
        first.merge(compared(approximate, images, shard="2/9"))
    assert "the models" in str(caught.value)
    with refused("merge-without-evidence", UsageError):
        first.merge(replace(second, evidence=None))
    with refused("merge-classes-differ", UsageError):
        first.merge(replace(second, classes={**second.classes, "4": 5}))
    with refused("merge-classes-differ", UsageError):
        first.merge(replace(second, classes={"eleven": 3}))
    checked = verified(model_path(), compiled, images, shard="1/9")
    other = verified(model_path(), compiled, images, shard="2/9", relative=0.1)
    with refused("merge-results-differ", UsageError) as caught:
        checked.merge(other)
    assert "the tolerance" in str(caught.value)
    with refused("merge-without-evidence", UsageError):
        checked.merge(replace(other, evidence=None))
    for option in ("native", "tolerant", "fallback"):
        changed = {"native": False, "tolerant": True, "fallback": "pixels"}[option]
        other = verified(model_path(), compiled, images, shard="2/9", **{option: changed})
        with refused("merge-results-differ", UsageError) as caught:
            checked.merge(other)
        assert option in str(caught.value)


def test_the_same_inputs_twice(compiled: Path, images: Path) -> None:
    """Results without shards are told apart by their files."""
    folders = [images / name for name in "012"]
    runs: list[Callable[[Path, Path], Any]] = [
        compared,
        lambda path, folder: verified(model_path(), path, folder),
    ]
    for run in runs:
        first, second, third = (run(compiled, folder) for folder in folders)
        for parts in ([first, first], [first, second, first], [first.merge(second), third] * 2):
            with refused("merge-inputs-twice", UsageError):
                jpegcompile.merge(parts)
        assert jpegcompile.merge([third, first, second]) == first.merge(second.merge(third))


@pytest.mark.parametrize(
    "shard", ["0/2", "3/2", "1", "a/b", "1/2/3", (2, 1), "-1/2", f"1/{'9' * 5000}", ()]
)
def test_shards_that_are_none(shard: object, compiled: Path, images: Path) -> None:
    with refused("shard-malformed", UsageError):
        compared(compiled, images, shard=shard)


def test_files_that_cannot_be_chosen(compiled: Path, images: Path, tmp_path: Path) -> None:
    with refused("shard-empty", UsageError):
        compared(compiled, images, shard="500/500")
    with refused("file-outside-folder", UsageError) as caught:
        compared(compiled, images, files=[tmp_path / "other.jpg"])
    assert "other.jpg" in str(caught.value)
    with refused("no-files-named", UsageError):
        compared(compiled, images, files=[])
    with refused("shard-without-labels", UsageError):
        compared(compiled, images, files=[images / "loose.jpg"])
    with refused("shard-of-random-tensors", UsageError):
        jpegcompile.verify(model_path(), compiled, shard="1/2")


def test_files_of_a_shard(compiled: Path, images: Path) -> None:
    """A shard of the named files is a shard of these alone."""
    files = sorted((images / "3").iterdir())
    result = verified(model_path(), compiled, images, files=files, shard="2/2")
    assert result.inputs == len(files[1::2])


def test_records_and_files(compiled: Path, images: Path, tmp_path: Path) -> None:
    parts = [compared(compiled, images, shard=(i, 2)) for i in (1, 2)]
    path = tmp_path / "1.json"
    path.write_text(json.dumps(parts[0].to_json()))
    assert jpegcompile.merge([path, parts[1]]) == parts[0].merge(parts[1])
    assert jpegcompile.merge([parts[0]]) is parts[0]
    with refused("merge-without-results", UsageError):
        jpegcompile.merge([])
