"""Files that cannot be used, in every Python function that reads many: stop at one, or go on."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.codes import refused
from support.commands import few_images
from support.images import make_jpeg
from support.tiers import quick_of, thorough
from support.unusable_files import DAMAGED, KINDS, content, spoiled, whole

import jpegcompile
from jpegcompile.digits import images_path, model_path, preprocess_path
from jpegcompile.errors import AccessError, ImageError, UsageError
from jpegcompile.jpeg.read import read_coefficients_many
from jpegcompile.jpeg.unusable import Skipped, require_complete
from jpegcompile.messages import code_of

GOOD = 40
MODES = ("coefficients", "jpeg", "tensor")


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("compiled")
    paths = {mode: folder / f"{mode}.onnx" for mode in MODES}
    for mode, path in paths.items():
        given: Any = {"input": mode, "preprocess": preprocess_path()}
        jpegcompile.compile(model_path(), **given).save(path)
    return paths


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return few_images(tmp_path_factory.mktemp("good"))


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return spoiled(tmp_path_factory.mktemp("bad"))


def folder_of(bad: dict[str, Path]) -> Path:
    return next(iter(bad.values())).parents[1]


def require_listed(
    skipped: tuple[Skipped, ...], bad: dict[str, Path], besides: tuple[str, ...] = ()
) -> None:
    """All of the bad files but some, sorted, each with its own reason."""
    reasons = {one.file: one.reason for one in skipped}
    wanted = {str(path): KINDS[kind][1] for kind, path in bad.items() if kind not in besides}
    assert list(reasons) == sorted(wanted)
    for file, words in wanted.items():
        assert words in reasons[file]
        assert file not in reasons[file]


@pytest.mark.parametrize("mode", quick_of(MODES))
def test_compare_and_verify_are_those_of_the_good_files(
    mode: str, compiled: dict[str, Path], good: Path, bad: dict[str, Path]
) -> None:
    both = (model_path(), compiled[mode])
    expected = jpegcompile.compare(*both, good)
    result = jpegcompile.compare(*both, folder_of(bad), on_error="skip")
    require_listed(result.skipped, bad)
    assert result.images == expected.images == GOOD
    assert result.before == expected.before
    assert (result.exact, result.after) == (expected.exact, expected.after)
    assert result.to_json()["skipped"][0].keys() == {"file", "reason"}
    verified = jpegcompile.verify(*both, folder_of(bad), on_error="report", node_inputs=1)
    require_listed(verified.skipped, bad)
    assert verified.inputs == GOOD
    assert verified.outputs == jpegcompile.verify(*both, good, node_inputs=1).outputs


@pytest.mark.parametrize("mode", MODES)
def test_predictions_stay_with_their_files(
    mode: str, compiled: dict[str, Path], good: Path, bad: dict[str, Path]
) -> None:
    # Folders and files, one of them twice.
    folder, single = folder_of(bad), good / "5" / "00.jpg"
    result = jpegcompile.run(compiled[mode], [folder, single, bad["cmyk"], single], on_error="skip")
    assert [one.file for one in result.skipped].count(str(bad["cmyk"])) == 2
    expected = {
        (Path(p.file).parent.name, Path(p.file).name): (p.classes, p.scores)
        for p in jpegcompile.run(compiled[mode], [good])
    }
    assert len(result) == GOOD + 2
    for one in result:
        path = Path(one.file)
        classes, scores = expected[path.parent.name, path.name]
        assert one.classes == classes
        assert one.scores == pytest.approx(scores, abs=1e-4)
    assert [Path(one.file).parents[1] for one in result[-2:]] == [good, good]


@thorough
def test_bench_reads_all_and_times_the_good_ones(
    compiled: dict[str, Path], bad: dict[str, Path]
) -> None:
    quick: Any = {"batches": (2,), "threads": (1,), "rounds": 1, "seconds": 0.0}
    for mode in MODES:
        result = jpegcompile.bench(
            model_path(), compiled[mode], folder_of(bad), on_error="skip", **quick
        )
        require_listed(result.skipped, bad)
        assert (result.files, result.left_out) == (16, 0)
        assert result.to_json()["skipped"] == [
            {"file": one.file, "reason": one.reason} for one in result.skipped
        ]


@pytest.mark.parametrize("mode", quick_of(MODES))
def test_bench_tolerates_what_the_timed_operators_can_read(
    mode: str, compiled: dict[str, Path], tmp_path: Path
) -> None:
    (tmp_path / "a.jpg").write_bytes(whole())
    KINDS["cut"][0](tmp_path / "b.jpg")
    given: Any = {"batches": (2,), "threads": (1,), "rounds": 1, "seconds": 0.0, "tolerant": True}
    result = jpegcompile.bench(
        model_path(), compiled[mode], tmp_path, on_error="skip", portable=True, **given
    )
    if mode == "jpeg":
        (skipped,) = result.skipped
        assert code_of(skipped.reason) == "bench-damaged-file"
    else:
        assert (result.files, result.skipped) == (2, ())


@pytest.mark.parametrize("kind", quick_of(KINDS, quick=6))
def test_each_kind_alone(kind: str, compiled: dict[str, Path], tmp_path: Path) -> None:
    """It ends everything by default, everywhere in the same way, and is all that is left out."""
    make, words = KINDS[kind]
    for group in ("0", "1"):
        (tmp_path / group).mkdir()
        (tmp_path / group / "a.jpg").write_bytes((images_path() / group / "00.jpg").read_bytes())
    path = tmp_path / "0" / "b.JPG"
    make(path)
    both = (model_path(), compiled["coefficients"])
    session = jpegcompile.load(compiled["coefficients"])
    quick: Any = {"batches": (1,), "threads": (1,), "rounds": 1, "seconds": 0.0}
    functions: list[Callable[[], object]] = [
        lambda: jpegcompile.compare(*both, tmp_path),
        lambda: jpegcompile.verify(*both, tmp_path),
        lambda: jpegcompile.bench(*both, tmp_path, **quick),
        lambda: jpegcompile.run(session, [tmp_path]),
        lambda: session.run([path]),
    ]
    messages = set()
    for function in functions:
        with pytest.raises((ImageError, AccessError)) as caught:
            function()
        messages.add(str(caught.value))
    (message,) = messages
    assert message.startswith(f"{path}: ")
    assert words in message
    (skipped,) = jpegcompile.compare(*both, tmp_path, on_error="skip").skipped
    assert skipped == Skipped(str(path), message.removeprefix(f"{path}: "))


@pytest.mark.parametrize("mode", quick_of(MODES[::-1]))
def test_tolerance_takes_what_is_left(
    mode: str, compiled: dict[str, Path], bad: dict[str, Path]
) -> None:
    both = (model_path(), compiled[mode])
    result = jpegcompile.compare(*both, folder_of(bad), on_error="skip", tolerant=True)
    require_listed(result.skipped, bad, besides=DAMAGED)
    assert result.images == GOOD + len(DAMAGED)
    verified = jpegcompile.verify(*both, folder_of(bad), on_error="skip", tolerant=True)
    require_listed(verified.skipped, bad, besides=DAMAGED)
    assert verified.passed
    assert verified.inputs == GOOD + len(DAMAGED)


def test_what_pillow_alone_refuses(
    compiled: dict[str, Path], good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = good / "4" / "02.jpg"

    def opened(file: Any, *_: object) -> Any:
        if file == refused:
            raise SyntaxError("not so")
        return original(file)

    original = Image.open
    monkeypatch.setattr(Image, "open", opened)
    both = (model_path(), compiled["coefficients"])
    with pytest.raises(ImageError) as caught:
        jpegcompile.compare(*both, good)
    assert str(caught.value) == f"{refused}: Pillow cannot decode it: not so; give a whole file"
    result = jpegcompile.compare(*both, good, on_error="skip")
    assert result.skipped == (
        Skipped(str(refused), "Pillow cannot decode it: not so; give a whole file"),
    )
    assert result.images == GOOD - 1


def test_a_file_that_vanishes_before_it_is_read(
    compiled: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few_images(tmp_path)
    lost = tmp_path / "6" / "01.jpg"
    original = read_coefficients_many

    def read(sources: Any, **options: Any) -> Any:
        if lost in sources:
            lost.unlink(missing_ok=True)
        return original(sources, **options)

    monkeypatch.setattr("jpegcompile.jpeg.unusable.read_coefficients_many", read)
    result = jpegcompile.run(compiled["coefficients"], [tmp_path], on_error="skip")
    (skipped,) = result.skipped
    assert skipped.file == str(lost)
    assert skipped.reason == "cannot read: No such file or directory; check the path"
    assert len(result) == GOOD - 1


def test_a_file_without_permission(
    compiled: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few_images(tmp_path)
    locked = tmp_path / "6"

    def scandir(path: Any) -> Any:
        if Path(path) == locked:
            raise PermissionError(13, "Permission denied")
        return original(path)

    original = os.scandir
    monkeypatch.setattr(os, "scandir", scandir)
    # The superuser may read anything, so the system is told not to; opening the folder fails then,
    # too, if for another reason.
    result = jpegcompile.compare(model_path(), compiled["coefficients"], tmp_path, on_error="skip")
    assert [one.file for one in result.skipped] == [str(locked)]
    assert result.classes["7"] == 7
    assert result.images == GOOD - 4


def test_nothing_that_can_be_used(compiled: dict[str, Path], tmp_path: Path) -> None:
    for group in ("0", "1"):
        (tmp_path / group).mkdir()
        (tmp_path / group / "a.jpg").write_bytes(b"")
    session = jpegcompile.load(compiled["coefficients"])
    both = (model_path(), compiled["coefficients"])
    for function in (
        lambda: jpegcompile.compare(*both, tmp_path, on_error="skip"),
        lambda: jpegcompile.verify(*both, tmp_path, on_error="skip"),
        lambda: jpegcompile.bench(*both, tmp_path, on_error="report"),
        lambda: jpegcompile.run(session, [tmp_path], on_error="skip"),
        lambda: session.run(sorted(tmp_path.rglob("*.jpg")), on_error="skip"),
        lambda: jpegcompile.choose_frequencies(
            model_path(), tmp_path, max_drop=5, preprocess=preprocess_path(), on_error="skip"
        ),
    ):
        with pytest.raises(ImageError) as caught:
            function()
        assert caught.value.code == "no-file-usable"
        assert f"{tmp_path / '0' / 'a.jpg'}: not a JPEG: " in str(caught.value)


def test_the_only_file(compiled: dict[str, Path]) -> None:
    session = jpegcompile.load(compiled["coefficients"])
    with refused("no-file-usable", ImageError) as caught:
        session.run([b""], on_error="skip")
    assert "bytes (image 0): not a JPEG: " in str(caught.value)


def test_rows_of_a_session(compiled: dict[str, Path], good: Path) -> None:
    session = jpegcompile.load(compiled["coefficients"])
    files: list[Any] = sorted(good.rglob("*.jpg"))
    sources = [*files[:35], b"", whole(), good / "none.jpg"]
    for on_error in ("skip", "report"):
        outputs = session.run(sources, on_error=on_error)
        assert outputs.used == (*range(35), 36)
        assert [one.file for one in outputs.skipped] == ["bytes (image 35)", str(good / "none.jpg")]
        assert "bytes" not in outputs.skipped[0].reason
        (logits,) = outputs
        (expected,) = session.run([*files[:35], whole()])
        assert np.array_equal(logits, expected)
    with pytest.raises(ImageError):
        session.run(sources)
    with refused("reader-on-error-unknown", UsageError):
        session.run(files, on_error="ignore")  # type: ignore[arg-type]


@pytest.mark.parametrize("bad", [b"", whole()[:300], make_jpeg(40, 40)])
def test_bytes_are_called_by_their_place(bad: bytes, compiled: dict[str, Path], good: Path) -> None:
    """Files are read some at a time; the place is that among all."""
    session = jpegcompile.load(compiled["coefficients"])
    files = sorted(good.rglob("*.jpg"))[:35]
    for call in (session.run, session.feeds):
        with pytest.raises(ImageError, match=r"^bytes \(image 35\): "):
            call([*files, bad, b"text"])


def search(images: Path, cache: Path, **options: Any) -> jpegcompile.FrequencySearch:
    return jpegcompile.choose_frequencies(
        model_path(), images, max_drop=20, preprocess=preprocess_path(), cache=cache, **options
    )


@thorough
def test_the_search_is_that_of_the_good_files(
    good: Path, bad: dict[str, Path], tmp_path: Path
) -> None:
    expected = search(good, tmp_path)
    (kept,) = tmp_path.iterdir()
    before = kept.read_bytes()
    found = search(folder_of(bad), tmp_path, on_error="skip")
    require_listed(found.skipped, bad)
    assert found.plan == expected.plan
    assert (found.search, found.verification) == (expected.search, expected.verification)
    # Nothing was measured again: the same images, the same halves.
    assert (list(tmp_path.iterdir()), kept.read_bytes()) == ([kept], before)
    json.dumps(found.to_json())
    tolerant = search(folder_of(bad), tmp_path, on_error="skip", tolerant=True)
    require_listed(tolerant.skipped, bad, besides=DAMAGED)
    assert tolerant.search.images + tolerant.verification.images == GOOD + len(DAMAGED)
    assert len(list(tmp_path.iterdir())) == 2
    with pytest.raises((ImageError, AccessError)):
        search(folder_of(bad), tmp_path)


def test_names_that_no_terminal_shows(compiled: dict[str, Path], tmp_path: Path) -> None:
    name = os.fsdecode(b"a\xff\n.jpg")
    content(lambda: b"")(tmp_path / name)
    content(whole)(tmp_path / "b.jpg")
    result = jpegcompile.run(compiled["coefficients"], [tmp_path], on_error="skip")
    (skipped,) = result.skipped
    assert skipped.file == str(tmp_path / name)
    assert skipped.reason.startswith("not a JPEG")
    with pytest.raises(ImageError) as caught:
        require_complete(result.skipped)
    assert str(caught.value).isprintable()
