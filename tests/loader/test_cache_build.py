"""Building caches: the same bytes however often a build is killed, and one build at a time."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from support.codes import refused
from support.data_sets import contents
from support.mixed_files import jpeg_file
from support.processes import fresh, succeeds
from support.shard_files import write_shard
from support.tiers import thorough

from jpegcompile import CoefficientCache, build_cache
from jpegcompile.data.cache import build as building
from jpegcompile.data.cache.partial import Partial, open_partial, partial_paths
from jpegcompile.errors import AccessError, ImageError, UsageError

# A process that ends, as if it were killed, after some samples were added.
KILLED = """
import os, sys
from jpegcompile.data.cache import build
from jpegcompile.data.cache.partial import Partial
images, output, count, flushed = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
build._SAMPLES = 3
add, added = Partial.add, 0
def counted(self, *arguments):
    global added
    add(self, *arguments)
    added += 1
    if added == count:
        if flushed:
            self.flush()
        os._exit(9)
Partial.add = counted
build.build_cache(images.split(",") if "," in images else images, output, on_error="skip")
"""


def whole(images: Any, folder: Path) -> bytes:
    """The bytes of a cache that was built in one go."""
    folder.mkdir()
    build_cache(images, folder / "whole.jpegcache", on_error="skip", threads=1)
    return (folder / "whole.jpegcache").read_bytes()


@pytest.fixture(scope="module")
def images(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    copied = tmp_path_factory.mktemp("images") / "images"
    shutil.copytree(folder, copied)
    (copied / "b" / "04.jpg").write_bytes(b"no image")
    return copied


@pytest.mark.parametrize("flushed", [1, pytest.param(0, marks=thorough)])
def test_a_killed_build_continues(flushed: int, images: Path, tmp_path: Path) -> None:
    expected, output = whole(images, tmp_path / "whole"), tmp_path / "c.jpegcache"
    for count in (2, 5):
        assert fresh(KILLED, images, output, count, flushed).returncode == 9
        assert not output.exists()
    report = build_cache(images, output, on_error="skip")
    # Of the first build 2 samples, then 5 more; without the flush whole chunks of 3.
    assert report.resumed == (7 if flushed else 3)
    assert output.read_bytes() == expected
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["c.jpegcache"]


def test_whatever_the_system_wrote(images: Path, tmp_path: Path) -> None:
    """Both files of a killed build, cut anywhere, or with wrong bytes."""
    expected, output = whole(images, tmp_path / "whole"), tmp_path / "c.jpegcache"
    assert fresh(KILLED, images, output, 8, 1).returncode == 9
    paths = partial_paths(output)
    kept = [path.read_bytes() for path in paths]
    resumed = set()
    for part in range(2):
        for turn in range(7):
            for path, data in zip(paths, kept, strict=True):
                path.write_bytes(data)
            cut = len(kept[part]) * turn // 7
            changed = kept[part][:cut]
            if turn % 2:
                changed += b"\xa5" + kept[part][cut + 1 :]
            paths[part].write_bytes(changed)
            resumed.add(build_cache(images, output, on_error="skip").resumed)
            assert output.read_bytes() == expected
            output.unlink()
    assert min(resumed) == 0
    assert 5 < max(resumed) < 8


def tree(folder: Path) -> dict[str, int]:
    """Sizes of the files in a folder, by name."""
    return {path.name: path.stat().st_size for path in folder.iterdir()}


@thorough
def test_builds_that_are_killed_at_any_moment(tmp_path: Path) -> None:
    folder, output = tmp_path / "images", tmp_path / "c.jpegcache"
    folder.mkdir()
    for index in range(20):
        (folder / f"{index:02}.jpg").write_bytes(jpeg_file(400, 600, index))
    expected = whole(folder, tmp_path / "whole")
    command = "import sys; from jpegcompile.data.cache import build; build._SAMPLES = 2; "
    command += "build.build_cache(*sys.argv[1:])"
    killed = 0
    for turn in range(8):
        before = tree(tmp_path)
        build = subprocess.Popen([sys.executable, "-P", "-c", command, str(folder), str(output)])
        while build.poll() is None and tree(tmp_path) == before:
            time.sleep(0.001)
        time.sleep(0.003 * turn)
        build.send_signal(signal.SIGKILL)
        killed += build.wait() == -signal.SIGKILL
    build_cache(folder, output)
    assert output.read_bytes() == expected
    assert killed > 1


@thorough
def test_images_that_change_between_two_builds(images: Path, tmp_path: Path) -> None:
    copied, output = tmp_path / "images", tmp_path / "c.jpegcache"
    shutil.copytree(images, copied)
    assert fresh(KILLED, copied, output, 8, 1).returncode == 9
    changed = sorted(copied.rglob("*.jpg"))[4]
    changed.write_bytes(jpeg_file(48, 40, 77))
    expected = whole(copied, tmp_path / "whole")
    assert build_cache(copied, output, on_error="skip").resumed == 4
    assert output.read_bytes() == expected
    # Another class for all: nothing of the earlier build is used.
    assert fresh(KILLED, copied, output, 8, 1).returncode == 0
    (copied / "0").mkdir()
    shutil.copy(changed, copied / "0" / "0.jpg")
    assert fresh(KILLED, copied, output, 3, 1).returncode == 9
    (copied / "a").rename(copied / "z")
    assert build_cache(copied, output, on_error="skip").resumed == 0


def test_shards_continue(tmp_path: Path) -> None:
    shards = []
    for number in range(3):
        members: dict[str, bytes] = {}
        for index, data in enumerate(contents(4)):
            members |= {f"{index}.jpg": data, f"{index}.cls": b"%d" % (number + index)}
        shards.append(write_shard(tmp_path / f"{number}.tar", members))
    given, output = [str(shard) for shard in shards], tmp_path / "c.jpegcache"
    expected = whole(given, tmp_path / "whole")
    assert fresh(KILLED, ",".join(given), output, 7, 1).returncode == 9
    report = build_cache(given, output)
    assert report.resumed == 7
    assert output.read_bytes() == expected
    cache = CoefficientCache(output)
    assert [sample.label for sample in cache] == [n + i for n in range(3) for i in range(4)]
    assert [sample.name for sample in cache.of_shard(1)] == [f"{given[1]}: {i}" for i in range(4)]


def test_threads_and_paths_do_not_matter(images: Path, tmp_path: Path) -> None:
    expected = whole(images, tmp_path / "whole")
    for threads in (2, 5):
        output = tmp_path / f"{threads}.jpegcache"
        seen: list[tuple[int, int]] = []

        def note(done: int, total: int, seen: list[tuple[int, int]] = seen) -> None:
            seen.append((done, total))

        build_cache(images, output, on_error="skip", threads=threads, progress=note)
        assert output.read_bytes() == expected
        assert seen[-1] == (11, 11)


def test_a_cache_that_is_up_to_date_is_kept(images: Path, tmp_path: Path) -> None:
    output = tmp_path / "c.jpegcache"
    assert build_cache(images, output, on_error="skip").state == "built"
    time_before = output.stat().st_mtime_ns
    assert build_cache(images, output, on_error="skip").state == "kept"
    assert output.stat().st_mtime_ns == time_before
    with refused("jpeg-not-recognized", ImageError):
        build_cache(images, output)
    assert build_cache(images, output, on_error="skip", tolerant=True).state == "built"
    output.write_bytes(output.read_bytes()[:-1])
    assert build_cache(images, output, on_error="skip").state == "built"


def test_a_cache_that_is_up_to_date_may_be_read_only(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "c.jpegcache"
    build_cache(images, path, on_error="skip")
    monkeypatch.setattr("os.access", lambda *_: False)
    assert build_cache(images, path, on_error="skip").state == "kept"
    with refused("output-not-writable", AccessError):
        build_cache(images, tmp_path / "other.jpegcache", on_error="skip")


def test_a_cache_is_no_image(images: Path, tmp_path: Path) -> None:
    path = tmp_path / "c.jpegcache"
    build_cache(images, path, on_error="skip")
    with refused("cache-of-cache", UsageError):
        build_cache(path, tmp_path / "other.jpegcache")


def test_unusable_images_stop_a_build(images: Path, tmp_path: Path) -> None:
    output = tmp_path / "c.jpegcache"
    with refused("jpeg-not-recognized", ImageError) as caught:
        build_cache(images, output)
    assert str(caught.value).startswith(f"{images}/b/04.jpg: ")
    # What came before is kept for the next build; if nothing came before, no file remains.
    with refused("jpeg-not-recognized", ImageError):
        build_cache([images / "b" / "04.jpg"], tmp_path / "d.jpegcache")
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("d.")]
    assert build_cache(images, output, on_error="skip").resumed == 5


def test_two_builds_at_once(images: Path, tmp_path: Path) -> None:
    output = tmp_path / "c.jpegcache"
    code = (
        "import sys\nfrom jpegcompile import build_cache\n"
        "from jpegcompile.errors import AccessError\n"
        "try:\n    build_cache(sys.argv[1], sys.argv[2])\n"
        "except AccessError as error:\n    print(error.code)"
    )
    with open_partial(output):
        assert succeeds(code, images, output).strip() == "cache-being-built"
        with refused("cache-being-built", AccessError):
            build_cache(images, output, on_error="skip")
    build_cache(images, output, on_error="skip")


def test_a_full_disk(images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Partial, *_: Any) -> None:
        raise OSError(28, "No space left on device")

    output = tmp_path / "c.jpegcache"
    with monkeypatch.context() as patch:
        patch.setattr(Partial, "finish", full)
        with refused("cache-write-failed", AccessError) as caught:
            build_cache(images, output, on_error="skip")
    assert "No space left on device" in str(caught.value)
    assert not output.exists()
    assert build_cache(images, output, on_error="skip").resumed == 11


def test_an_error_after_the_cache_has_its_name(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message names that error; the cache stays."""

    def failing(output: Path) -> None:
        os.replace(partial_paths(output)[0], output)
        raise OSError(5, "Input/output error")

    output = tmp_path / "c.jpegcache"
    with monkeypatch.context() as patch:
        patch.setattr(building, "replace_output", failing)
        with refused("cache-write-failed", AccessError) as caught:
            build_cache(images, output, on_error="skip")
    assert "Input/output error" in str(caught.value)
    assert build_cache(images, output, on_error="skip").state == "kept"


def test_an_image_is_not_overwritten(images: Path) -> None:
    image = min((images / "a").iterdir())
    before = image.read_bytes()
    with refused("cache-output-is-input", UsageError):
        build_cache(images, image)
    assert image.read_bytes() == before
    with refused("output-not-writable", AccessError):
        build_cache(images, images / "none" / "c.jpegcache")


def test_a_file_of_classes_is_not_overwritten(images: Path, tmp_path: Path) -> None:
    labels = tmp_path / "labels.json"
    labels.write_text('{"a": 0, "b": 1}')
    with refused("cache-output-is-input", UsageError):
        build_cache(images, labels, labels=labels, on_error="skip")
    assert labels.read_text().startswith("{")


def test_links_and_pipes(images: Path, tmp_path: Path) -> None:
    """A link as output keeps its place; one as the unfinished file is not followed."""
    link, target, output = (tmp_path / name for name in ("link", "target", "c.jpegcache"))
    link.symlink_to(target)
    build_cache(images, link, on_error="skip")
    assert link.is_symlink()
    assert len(CoefficientCache(target)) == 11
    for path in partial_paths(output):
        path.symlink_to(target)
        with refused("cache-write-failed", AccessError):
            build_cache(images, output, on_error="skip")
        assert len(CoefficientCache(target)) == 11
        path.unlink()
        os.mkfifo(path)
        with refused("cache-write-failed", AccessError) as caught:
            build_cache(images, output, on_error="skip")
        assert "is not a plain file" in str(caught.value)
        path.unlink()
        assert sorted(p.name for p in tmp_path.iterdir()) == ["link", "target"]
    os.mkfifo(output)
    with refused("cache-not-recognized", ImageError):
        CoefficientCache(output)


def test_pytorch_is_not_needed(images: Path, tmp_path: Path) -> None:
    code = (
        "import sys\nsys.modules['torch'] = None\nimport jpegcompile\n"
        "jpegcompile.build_cache(sys.argv[1], sys.argv[2], on_error='skip')\n"
        "print(len(jpegcompile.CoefficientCache(sys.argv[2])))"
    )
    assert succeeds(code, images, tmp_path / "c.jpegcache").strip() == "11"


def test_chunks_have_limits(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = whole(folder, tmp_path / "whole")
    monkeypatch.setattr(building, "_BYTES", 1)
    build_cache(folder, tmp_path / "c.jpegcache")
    assert (tmp_path / "c.jpegcache").read_bytes() == expected
