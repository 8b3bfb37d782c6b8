"""Commands as processes: progress bars, closed pipes and signals."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.commands import drawn_on_a_terminal
from support.tiers import thorough

from jpegcompile.digits import images_path, model_path

MODEL = str(model_path())


def test_a_reader_that_goes_away_is_no_error() -> None:
    command = [sys.executable, "-P", "-m", "jpegcompile", "inspect", MODEL, "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.wait() == 0
    assert process.stderr.read() == b""
    process.stderr.close()


@thorough
@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a pseudo-terminal")
def test_progress_is_drawn_on_a_terminal_only(compiled: str) -> None:
    arguments = ("verify", MODEL, compiled, "--images", str(images_path()))
    command = [sys.executable, "-P", "-m", "jpegcompile", *arguments]
    plain = subprocess.run(command, capture_output=True, check=True)
    assert plain.stderr == b""
    assert b"verifying" in drawn_on_a_terminal(*arguments)


def test_what_was_made_on_the_way_is_gone_when_terminated(compiled: str, tmp_path: Path) -> None:
    command = [sys.executable, "-P", "-m", "jpegcompile", "bench", MODEL, compiled]
    with subprocess.Popen(
        [*command, "--seconds", "60"],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        while process.poll() is None and not list(tmp_path.glob("*/*.log")):
            time.sleep(0.05)
        process.terminate()
        _, text = process.communicate(timeout=60)
    assert process.returncode == 143
    assert text == "jpegcompile: terminated\n"
    assert not list(tmp_path.glob("jpegcompile-*"))
