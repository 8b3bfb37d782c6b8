"""The README is short, and its example runs as a reader would type it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.mixed_files import jpeg_file
from support.tiers import thorough

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    [found] = re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    return str(found)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder like the clone, with photographs, and with the command on the path."""
    (tmp_path / "jpegcompile").mkdir()
    (tmp_path / "jpegcompile" / "digits").symlink_to(ROOT / "jpegcompile" / "digits")
    (tmp_path / "photos").mkdir()
    for index, (height, width) in enumerate([(40, 60), (75, 50), (64, 64)]):
        file = tmp_path / "photos" / f"{index}.jpg"
        file.write_bytes(jpeg_file(height, width, index))
    command = tmp_path / "bin" / "jpegcompile"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -P -m jpegcompile "$@"\n')
    command.chmod(0o755)
    return tmp_path


def run(clone: Path, command: list[str], source: str) -> subprocess.CompletedProcess[str]:
    path = f"{clone / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        command, input=source, cwd=clone, env={**os.environ, "PATH": path},
        capture_output=True, text=True,
    )  # fmt: skip


def test_it_is_short() -> None:
    assert len(TEXT.splitlines()) <= 120


def test_the_commands_that_continuous_integration_runs() -> None:
    assert re.search(r"^    python3 -m venv .*jpegcompile demo$", TEXT, re.MULTILINE)
    assert re.search(r"^    \.venv/bin/pip install -e '\.\[test\]' && ", TEXT, re.MULTILINE)


def test_links_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)]*)\)|`(docs/[^`]*)`", TEXT)
    assert len(links) > 10
    for link in links:
        assert (ROOT / "".join(link)).exists(), link


def test_example_without_benchmarks(clone: Path) -> None:
    lines = block("bash").replace("\\\n", " ").splitlines()
    commands = [line for line in lines if not line.startswith("jpegcompile bench ")]
    assert len(commands) == len(lines) - 2
    done = run(clone, ["bash", "-euo", "pipefail"], "\n".join(commands))
    assert done.returncode == 0, done.stderr
    assert "97.50 %" in done.stdout
    assert "photos/1.jpg: " in done.stdout
    assert "3 images; the same prediction" in done.stdout


@thorough
def test_example(clone: Path) -> None:
    done = run(clone, ["bash", "-euo", "pipefail"], block("bash"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("the same answers on ") == 2


@thorough
def test_learning(clone: Path) -> None:
    [command] = re.findall(r"^    (jpegcompile finetune .*\\\n.*)$", TEXT, re.MULTILINE)
    done = run(clone, ["bash", "-euo", "pipefail"], command)
    assert done.returncode == 0, done.stderr
    assert (clone / "learned.onnx").exists()


def test_python(clone: Path) -> None:
    done = run(clone, [sys.executable, "-P", "-"], block("python"))
    assert done.returncode == 0, done.stderr
    assert done.stdout == "0.975 0.975\n"
