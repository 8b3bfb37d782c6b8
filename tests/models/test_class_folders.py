"""Classes of folders: hidden and empty folders never shift the numbers silently."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.codes import refused
from support.commands import few_images
from support.unusable_files import whole

import jpegcompile
from jpegcompile.digits import model_path, preprocess_path
from jpegcompile.errors import AccessError, UsageError
from jpegcompile.evaluation.dataset import jpeg_files, labelled_images


def folder_with(root: Path, *names: str, empty: tuple[str, ...] = ()) -> Path:
    for name in (*names, *empty):
        (root / name).mkdir(parents=True)
    for name in names:
        (root / name / "a.jpg").write_bytes(b"")
    return root


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("compiled") / "c.onnx"
    jpegcompile.compile(model_path(), preprocess=preprocess_path()).save(path)
    return path


def test_hidden_folders_are_no_classes(tmp_path: Path) -> None:
    hidden = (".cache", ".git", ".ipynb_checkpoints")
    trash = ("$RECYCLE.BIN", "@eaDir", "__MACOSX")
    folder_with(tmp_path, "ant", "bee", *hidden, *trash)
    (tmp_path / "ant" / ".ipynb_checkpoints").mkdir()
    (tmp_path / "ant" / ".ipynb_checkpoints" / "a-checkpoint.jpg").write_bytes(b"")
    data = labelled_images(tmp_path)
    assert data.classes == {"ant": 0, "bee": 1}
    assert data.files == (tmp_path / "ant" / "a.jpg", tmp_path / "bee" / "a.jpg")
    within = tmp_path / "ant" / ".ipynb_checkpoints"
    assert data.ignored == {
        **{str(tmp_path / name): "hidden" for name in hidden},
        **{str(tmp_path / name): "left by a system" for name in trash},
        str(within): "hidden",
    }
    listing = jpeg_files(tmp_path)
    assert listing.files == data.files
    assert listing.ignored == data.ignored
    # A path that the user gives is never ignored.
    assert jpeg_files(within).files == (within / "a-checkpoint.jpg",)
    assert labelled_images(tmp_path / ".git" / "..").classes == data.classes


def test_underscores_and_dots_in_names_are_classes(tmp_path: Path) -> None:
    names = ("BACKGROUND", "_noise_", "a.jpg", "v1.0")
    assert list(labelled_images(folder_with(tmp_path, *names)).classes) == list(names)


@pytest.mark.parametrize(
    ("outputs", "classes", "ignored"),
    [
        (4, {"ant": 0, "bee": 1, "cat": 2, "dog": 3}, []),
        (2, {"ant": 0, "dog": 1}, ["bee", "cat"]),
    ],
)
def test_the_network_tells_what_an_empty_folder_is(
    outputs: int, classes: dict[str, int], ignored: list[str], tmp_path: Path
) -> None:
    folder_with(tmp_path, "ant", "dog", empty=("bee", "cat"))
    (tmp_path / "cat" / "notes.txt").write_text("none yet")
    (tmp_path / "bee" / ".hidden").mkdir()
    (tmp_path / "bee" / ".hidden" / "a.jpg").write_bytes(b"")
    data = labelled_images(tmp_path, outputs=lambda: outputs)
    assert data.classes == classes
    assert data.labels == tuple(classes[name] for name in ("ant", "dog"))
    named = {str(tmp_path / name): "contains no JPEG file" for name in ignored}
    assert data.ignored == {str(tmp_path / "bee" / ".hidden"): "hidden", **named}
    assert data.unlabelled == {}


@pytest.mark.parametrize("outputs", [1, 3, 5, 1000])
def test_what_the_network_cannot_tell_is_asked(outputs: int, tmp_path: Path) -> None:
    folder_with(tmp_path, "ant", "dog", empty=("bee", "cat"))
    with refused("classes-ambiguous", UsageError) as caught:
        labelled_images(tmp_path, outputs=lambda: outputs)
    assert str(caught.value).startswith(
        f"{tmp_path}: has 4 folders, 2 of them without a JPEG file ('bee', 'cat'), and the model"
        f" has {outputs} classes"
    )
    labels = tmp_path / "labels.json"
    labels.write_text(json.dumps({"ant": 7, "bee": 2, "dog": 0}))
    data = labelled_images(tmp_path, labels, lambda: outputs)
    assert data.labels == (7, 0)
    assert data.unlabelled == {"cat": 0}


def test_without_empty_folders_nothing_is_asked(tmp_path: Path) -> None:
    def refuse() -> int:
        raise AssertionError("asked")

    assert labelled_images(folder_with(tmp_path, "x", "y"), outputs=refuse).labels == (0, 1)


def test_a_class_of_unusable_files_keeps_its_number(compiled: Path, tmp_path: Path) -> None:
    few_images(tmp_path)
    for file in (tmp_path / "4").iterdir():
        file.write_bytes(b"")
    (tmp_path / ".git").mkdir()
    (tmp_path / "55").mkdir()
    result = jpegcompile.compare(model_path(), compiled, tmp_path, on_error="skip")
    assert result.images == 36
    assert result.before is not None
    assert result.before.top1 > 0.9
    assert result.classes == {str(digit): digit for digit in range(10)}
    assert len(result.skipped) == 4
    assert result.ignored == {
        str(tmp_path / ".git"): "hidden",
        str(tmp_path / "55"): "contains no JPEG file",
    }
    assert result.warning is None


def test_an_empty_class_keeps_its_number(compiled: Path, tmp_path: Path) -> None:
    few_images(tmp_path)
    for file in (tmp_path / "4").iterdir():
        file.unlink()
    result = jpegcompile.compare(model_path(), compiled, tmp_path)
    assert result.before is not None
    assert result.before.top1 > 0.9
    assert (result.classes["5"], result.ignored) == (5, {})
    # With one folder less, the empty folder may or may not be a class.
    (tmp_path / "9").rename(tmp_path.parent / "nine")
    with refused("classes-ambiguous", UsageError) as caught:
        jpegcompile.compare(model_path(), compiled, tmp_path)
    assert "has 9 folders, 1 of them without a JPEG file" in str(caught.value)


def test_labels_may_name_hidden_folders(tmp_path: Path) -> None:
    folder_with(tmp_path, "a", ".b", ".c")
    (tmp_path / "labels.json").write_text('{".b": 4}')
    data = labelled_images(tmp_path, tmp_path / "labels.json")
    assert data.labels == (4,)
    assert data.unlabelled == {"a": 1}
    assert data.ignored == {str(tmp_path / ".c"): "hidden"}


def test_files_beside_the_folders_are_counted(tmp_path: Path) -> None:
    folder_with(tmp_path, "a")
    for name in ("1.jpg", "2.JPEG", "list.txt"):
        (tmp_path / name).write_bytes(b"")
    assert labelled_images(tmp_path).unlabelled == {".": 2}


def test_only_hidden_folders(tmp_path: Path) -> None:
    with refused("no-labelled-images", AccessError):
        labelled_images(folder_with(tmp_path, ".a", "__MACOSX"))
    with refused("images-folder-empty", AccessError):
        jpeg_files(tmp_path)


def test_a_folder_of_images_with_the_name_of_one(tmp_path: Path) -> None:
    folder = tmp_path / "0" / "holiday.jpg"
    folder.mkdir(parents=True)
    (folder / "a.jpg").write_bytes(whole())
    (tmp_path / "0" / "none.jpg").mkdir()
    (tmp_path / "0" / "other").mkdir()
    assert jpeg_files(tmp_path).files == (folder / "a.jpg", tmp_path / "0" / "none.jpg")


def test_order_is_that_of_paths(tmp_path: Path) -> None:
    for name in ("b/a.jpg", "a-b/c.jpg", "a.jpg", "a/z.jpg", "B/y.jpg", "a/b/c.jfif"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    files = jpeg_files(tmp_path).files
    assert len(files) == 6
    assert list(files) == sorted(files)
