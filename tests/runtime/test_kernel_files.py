"""Files of kernels for CUDA: where they are looked for, and what the native library is told."""

from __future__ import annotations

from pathlib import Path

import onnxruntime as ort
import pytest

from jpegcompile.gpu.library.files import beside, cached_file
from jpegcompile.runtime import cuda
from jpegcompile.runtime.providers import ON_CPU, Providers
from jpegcompile.target.base import CUDA_PROVIDER


def test_what_the_library_is_told() -> None:
    def entries(chosen: Providers) -> tuple[str, str]:
        options = ort.SessionOptions()
        chosen.configure(options)
        found = []
        for name in ("jpegcompile.cuda", "jpegcompile.cubins"):
            try:
                found.append(options.get_session_config_entry(name))
            except RuntimeError:
                found.append("")
        return found[0], found[1]

    assert entries(ON_CPU) == ("0", "")
    assert entries(Providers((CUDA_PROVIDER,))) == ("", "")
    files = (Path("/a/b.cubins"), Path("c"))
    assert entries(Providers((CUDA_PROVIDER,), files)) == ("", "/a/b.cubins:c")


def test_the_native_library_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a file that is not there, and where native kernels are not installed."""
    file = tmp_path / "x.cubins"
    assert cuda.status([file]).startswith("no CUDA: ")
    assert cuda.operators([file]) == frozenset()
    assert cuda.device().startswith(("no CUDA: ", "sm_"))
    monkeypatch.setattr(cuda, "custom_ops_library", lambda: None)
    cuda.device.cache_clear()
    try:
        assert cuda.device() == "no CUDA: the native kernels are not installed"
        assert cuda.status([file]) == cuda.device()
        assert cuda.operators([file]) == frozenset()
    finally:
        cuda.device.cache_clear()


def test_files_of_kernels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("JPEGCOMPILE_CUBINS", raising=False)
    model = tmp_path / "m.onnx"
    before = cuda.kernel_files(model)
    assert not [file for file in before if tmp_path in file.parents]
    built = cached_file("sm_90")
    built.parent.mkdir(parents=True)
    for file in (built, beside(model)):
        file.write_bytes(b"")
    assert cuda.kernel_files(model) == (beside(model), *before, built)
    monkeypatch.setenv("JPEGCOMPILE_CUBINS", "/one:/two")
    assert cuda.kernel_files(model) == (beside(model), Path("/one"), Path("/two"))
    assert cuda.kernel_files() == (Path("/one"), Path("/two"))


def test_the_companion_of_a_link(tmp_path: Path) -> None:
    (tmp_path / "away").mkdir()
    file = tmp_path / "away" / "real.onnx"
    file.write_bytes(b"")
    link = tmp_path / "link.onnx"
    link.symlink_to(file)
    assert beside(link) == tmp_path / "away" / "real.cubins"
    assert beside(tmp_path / "model") == tmp_path / "model.cubins"
