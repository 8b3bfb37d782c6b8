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


@pytest.mark.parametrize("kind", ["compiled", "approximate"])
def test_verifications(kind: str, images: Path, request: pytest.FixtureRequest) -> None:
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


@pytest.mark.parametrize("unlabelled", [False, True])
def test_shards(compiled: Path, images: Path, unlabelled: bool) -> None:
    whole = json_of(compared(compiled, images, unlabelled=unlabelled))
    parts = [
        compared(compiled, images, unlabelled=unlabelled, shard=f"{i}/3") for i in (2, 3, 1)
    ]
    assert parts[0].shards == (Shard(2, 3),)
    assert parts[0].merge(parts[1]).shards == (Shard(2, 3), Shard(3, 3))
    assert json_of(merged_comparisons(parts)) == whole
    whole = json_of(verified(model_path(), compiled, images))
    results = [verified(model_path(), compiled, images, shard=(i, 2)) for i in (1, 2)]
    assert json_of(merged_verifications(results)) == whole
