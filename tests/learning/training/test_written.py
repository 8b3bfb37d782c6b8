"""Files that `finetune` would overwrite, and data that do not fit together."""

from __future__ import annotations

import tarfile
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from support.codes import refused
from support.commands import few_images
from support.learning_tasks import ALONE, SETTINGS

from jpegcompile.data.dataset import ImageDataset
from jpegcompile.digits import model_path, preprocess_path
from jpegcompile.errors import AccessError, UsageError
from jpegcompile.learning.training.data import Reading, require_same_classes
from jpegcompile.learning.training.written import require_outputs
from jpegcompile.network_input import NetworkInput
from jpegcompile.options.learning_verbs import FINETUNE
from jpegcompile.preprocessing.reading import preprocess_of

DEFAULTS = {option.name: option.default for option in FINETUNE.options}


@pytest.fixture
def given(tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "images").mkdir()
    (tmp_path / "plan.json").write_text("{}")
    files = {"images": tmp_path / "images", "output": tmp_path / "out.onnx"}
    return {**DEFAULTS, **files, "model": model_path(), "preprocess": preprocess_path()}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"compiled": "out.onnx"}, "is --output too; give another --compiled"),
        ({"cache": "out.onnx"}, "is --output too; give another --cache"),
        ({"output": model_path()}, "is the model itself; give another --output"),
        ({"checkpoint": preprocess_path()}, "is the file of --preprocess; give another --check"),
        ({"metrics": "plan.json", "frequencies": "plan.json"}, "is the file of --frequencies"),
        ({"compiled": "plan.json", "distill": "plan.json"}, "is the file of --distill"),
        ({"output": "plan.json", "images": ["plan.json"]}, "plan.json of --images"),
        ({"output": "v.tar", "validation": "v.tar"}, "is the file of --validation"),
        ({"output": "images/0.jpg"}, "is in the folder of --images; give another --output"),
    ],
    ids=str,
)
def test_files_that_are_read_or_written_already(
    changed: dict[str, Any], said: str, given: dict[str, Any], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    Path("v.tar").touch()
    require_outputs(given)
    with refused("output-is-input", UsageError) as caught:
        require_outputs({**given, **changed})
    assert said in str(caught.value)


def test_a_cache_replaces_only_a_cache(given: dict[str, Any], tmp_path: Path) -> None:
    other = tmp_path / "notes.txt"
    other.write_text("notes")
    with refused("finetune-cache-other-file", UsageError):
        require_outputs({**given, "cache": other})
    with refused("output-not-writable", AccessError):
        require_outputs({**given, "cache": tmp_path / "none" / "c.jpegcache"})
    for name in ("cache", "output", "metrics"):
        require_outputs({**given, name: tmp_path / "images" / "file.x"})


def test_folders_of_validation_have_the_classes_of_training(tmp_path: Path) -> None:
    def folder(name: str, *classes: str) -> ImageDataset:
        for one in classes:
            (tmp_path / name / one).mkdir(parents=True)
            (tmp_path / name / one / "0.jpg").touch()
        return ImageDataset(tmp_path / name, 1, preprocess="unit", size=(8, 8))

    training, same = folder("a", "cat", "dog", "fox"), folder("b", "cat", "dog")
    assert training.classes == {"cat": 0, "dog": 1, "fox": 2}
    require_same_classes(training, same)
    with refused("validation-classes-differ", UsageError) as caught:
        require_same_classes(training, folder("c", "cat", "fox"))
    assert "'fox' is class 1, but in --images it is class 2" in str(caught.value)
    with refused("validation-classes-differ", UsageError) as caught:
        require_same_classes(training, folder("d", "ant"))
    assert "'ant' is class 0, but in --images it is no folder" in str(caught.value)


def test_both_sides_of_a_split_need_images(tmp_path: Path) -> None:
    few = tmp_path / "few"
    few.mkdir()
    few_images(few)
    taken = NetworkInput("image", 3, 32, 32, "NCHW")
    network: Any = SimpleNamespace(
        image=taken, block=8, preprocess=preprocess_of(preprocess_path())
    )
    options = {"labels": None, "on_error": "stop", "tolerant": False, "fallback": "none"}

    def reading(validation: Any) -> Reading:
        settings = replace(SETTINGS, validation=validation)
        return Reading(few, settings, options, 0, ALONE, (32, 32))

    with refused("validation-takes-all", UsageError):
        reading(0.9999).training(network, None)
    with refused("validation-empty", UsageError):
        reading(0.0001).validation(network, None)
    empty = tmp_path / "empty.tar"
    with tarfile.open(empty, "w"):
        pass
    with refused("validation-without-images", UsageError):
        reading(str(empty)).validation(network, None)
