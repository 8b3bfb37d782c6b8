"""What a compiled file runs on: the choice, what is missing for it, and what is said of that."""

from __future__ import annotations

import json
import pickle
import warnings
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import numpy_helper
from support.codes import code_in, refused
from support.commands import fails, run_text
from support.images import make_jpeg
from support.tiny_residual import tiny_residual

import jpegcompile
from jpegcompile.cli import run_command
from jpegcompile.errors import (
    AccessError,
    FallbackWarning,
    UnsupportedModelError,
    UsageError,
)
from jpegcompile.gpu.library.build import KernelFile
from jpegcompile.gpu.library.files import beside, cached_file
from jpegcompile.runtime import cuda, providers
from jpegcompile.runtime.opening import inference_session
from jpegcompile.runtime.providers import ON_CPU, Provider, Providers, providers_for
from jpegcompile.target.base import CPU_PROVIDERS, CUDA_PROVIDER

NO_DRIVER = "the CUDA driver cannot be opened: libcuda.so.1"
Machine = Callable[..., None]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("compiled") / "m.onnx"
    jpegcompile.compile(tiny_residual(), preprocess="cifar10").save(path)
    return path


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Machine:
    """Pretends that onnxruntime-gpu is installed, on a machine with such a device."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("JPEGCOMPILE_CUBINS", raising=False)
    monkeypatch.setattr(cuda, "custom_ops_library", lambda: None)

    def pretend(device: str, status: str = "CUDA: ") -> None:
        names = [CUDA_PROVIDER, *CPU_PROVIDERS]
        monkeypatch.setattr(ort, "get_available_providers", lambda: names)
        monkeypatch.setattr(cuda, "device", lambda: device)
        monkeypatch.setattr(cuda, "status", lambda files: status)

    return pretend


def test_the_cpu_is_asked_for(path: Path) -> None:
    session = jpegcompile.load(path, providers="cpu")
    assert session.execution_providers is ON_CPU
    assert session.providers == list(CPU_PROVIDERS)
    assert not session.execution.is_on_cuda


def test_auto_without_a_provider_for_cuda_says_nothing(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ort, "get_available_providers", lambda: list(CPU_PROVIDERS))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert jpegcompile.load(path).providers == list(CPU_PROVIDERS)


def test_cuda_without_its_provider_is_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ort, "get_available_providers", lambda: list(CPU_PROVIDERS))
    with refused("cuda-provider-not-installed", AccessError):
        jpegcompile.load(path, providers="cuda")
    message = fails(capsys, 5, "run", path, path, "--providers", "cuda")
    assert code_in(message) == "cuda-provider-not-installed"


def test_another_word(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with refused("provider-unknown", UsageError):
        providers_for("gpu", path)
    assert "'gpu' is not one of" in fails(capsys, 2, "run", path, path, "--providers", "gpu")


def test_no_device(path: Path, machine: Machine, tmp_path: Path) -> None:
    machine(f"{cuda.NO_CUDA}{NO_DRIVER}")
    reason = f"{NO_DRIVER}; install NVIDIA's driver, or give --providers cpu"
    with pytest.raises(AccessError) as caught:
        providers_for("cuda", path)
    assert caught.value.code == "cuda-device-missing"
    with pytest.warns(FallbackWarning) as noticed:
        assert providers_for("auto", path) is ON_CPU
    assert [str(one.message) for one in noticed] == [f"{reason}; running on the CPU"]


def test_the_command_line_says_it_once(
    path: Path, machine: Machine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    machine(f"{cuda.NO_CUDA}{NO_DRIVER}")
    image = tmp_path / "x.jpg"
    image.write_bytes(make_jpeg(32, 32))
    assert run_command(["run", str(path), str(image)]) == 0
    assert capsys.readouterr().err == (
        f"note: {NO_DRIVER}; install NVIDIA's driver, or give --providers cpu; running on the CPU\n"
    )


def test_other_warnings_stay_what_they_are(
    path: Path, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[str] = []
    monkeypatch.setattr(warnings, "showwarning", lambda message, *_: shown.append(str(message)))

    def device() -> str:
        warnings.warn("of another library", UserWarning, stacklevel=1)
        return f"{cuda.NO_CUDA}{NO_DRIVER}"

    machine("")
    monkeypatch.setattr(cuda, "device", device)
    warnings.simplefilter("always")
    assert run_command(["run", str(path), str(path)]) == 4
    assert shown == ["of another library"]


def test_kernels_of_the_model_are_found(machine: Machine, tmp_path: Path) -> None:
    machine("sm_90")
    model = tmp_path / "m.onnx"
    beside(model).write_bytes(b"")
    found = providers_for("auto", model)
    assert found.names == ((CUDA_PROVIDER, {"use_tf32": "0"}), *CPU_PROVIDERS)
    assert Providers.from_json(json.loads(json.dumps(found.to_json()))) == found
    assert found.kernel_files == (tmp_path / "m.cubins",)
    assert not found.is_required
    assert providers_for("cuda", model).is_required


def test_function_bodies_need_no_kernels(machine: Machine, path: Path) -> None:
    machine("sm_75", cuda.NO_CUDA)
    assert providers_for("cuda", path, native=False).kernel_files == ()


def test_kernels_that_are_missing(
    path: Path, machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    machine("sm_89")
    with pytest.warns(
        FallbackWarning, match="run jpegcompile gpu-kernels --gpus sm_80; running on"
    ):
        assert providers_for("auto", path) is ON_CPU
    asked: list[Any] = []

    def build(gpus: list[str], *, progress: Any) -> list[KernelFile]:
        asked.append((gpus, progress))
        return [KernelFile(cached_file("sm_80"), ("sm_80",), 1)]

    monkeypatch.setattr(providers, "gpu_kernels", build)

    def show(done: int, total: int) -> None:
        """Progress."""

    found = providers_for("cuda", path, progress=show)
    assert asked == [(["sm_80"], show)]
    assert found.kernel_files == (cached_file("sm_80"),)
    assert found.kernel_files[0].parent == tmp_path / "jpegcompile" / "kernels"


@pytest.mark.parametrize("choice", ["auto", "cuda"])
def test_a_file_of_kernels_that_is_damaged(machine: Machine, tmp_path: Path, choice: Any) -> None:
    """It is told of: no others are compiled, and nothing runs beside it."""
    reason = f"{tmp_path / 'm.cubins'}: it is no file of compiled kernels"
    machine("sm_90", f"{cuda.NO_CUDA}{reason}")
    beside(tmp_path / "m.onnx").write_bytes(b"")
    if choice == "auto":
        with pytest.warns(FallbackWarning, match="it is no file of compiled kernels; running on"):
            assert providers_for(choice, tmp_path / "m.onnx") is ON_CPU
    else:
        with refused("cuda-kernels-unusable", AccessError):
            providers_for(choice, tmp_path / "m.onnx")


def test_kernels_for_another_device(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    machine("sm_90")
    own, built = beside(tmp_path / "m.onnx"), cached_file("sm_90")
    own.write_bytes(b"")
    other = f"{cuda.NO_CUDA}{own}: has kernels for sm_80, the device is sm_90; compile the kernels"
    monkeypatch.setattr(cuda, "status", lambda files: "CUDA: " if built in files else other)
    made = [KernelFile(built, ("sm_90",), 1)]
    monkeypatch.setattr(providers, "gpu_kernels", lambda gpus, *, progress: made)
    assert providers_for("cuda", tmp_path / "m.onnx").kernel_files == (own, built)
    with pytest.warns(FallbackWarning, match="run jpegcompile gpu-kernels --gpus sm_90"):
        assert providers_for("auto", tmp_path / "m.onnx") is ON_CPU


@pytest.mark.parametrize("device", ["sm_75", "sm_120"])
def test_a_device_that_there_are_no_kernels_for(path: Path, machine: Machine, device: str) -> None:
    machine(device, cuda.NO_CUDA)
    with refused("cuda-kernels-missing", AccessError):
        providers_for("cuda", path)


@pytest.mark.parametrize("is_required", [False, True])
def test_a_provider_that_onnxruntime_cannot_load(is_required: bool) -> None:
    chosen = Providers((CUDA_PROVIDER, *CPU_PROVIDERS), (), True, is_required)
    session: Any = SimpleNamespace(get_providers=lambda: list(CPU_PROVIDERS))
    reason = (
        "ONNX Runtime cannot load its CUDA provider; install the CUDA and cuDNN libraries that it"
        " needs (docs/onnxruntime_gpu.md)"
    )
    if is_required:
        with pytest.raises(AccessError) as caught:
            chosen.check(session)
        assert caught.value.code == "cuda-provider-not-loaded"
    else:
        with pytest.warns(FallbackWarning) as noticed:
            chosen.check(session)
        assert str(noticed[0].message) == f"{reason}; running on the CPU"
    session.get_providers = lambda: [CUDA_PROVIDER, *CPU_PROVIDERS]
    chosen.check(session)


def test_a_model_that_cuda_cannot_run(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The automatic choice falls back; a session that asks for CUDA is refused."""
    model, made = onnx.load(path), ort.InferenceSession

    def refusing(*arguments: Any, providers: list[Any]) -> ort.InferenceSession:
        if CUDA_PROVIDER in providers:
            raise RuntimeError("no kernel\nof it")
        return made(*arguments, providers=providers)

    monkeypatch.setattr(ort, "InferenceSession", refusing)
    reason = (
        "ONNX Runtime refuses the model: no kernel of it; upgrade onnxruntime, or compile the model"
        " again"
    )
    with pytest.warns(FallbackWarning) as noticed:
        session = inference_session(model, providers=Providers((CUDA_PROVIDER,), (), True, False))
    assert [str(one.message) for one in noticed] == [f"{reason}; running on the CPU"]
    assert session.get_providers() == list(CPU_PROVIDERS)
    with pytest.raises(UnsupportedModelError) as caught:
        inference_session(model, providers=Providers((CUDA_PROVIDER,), (), True, True))
    assert caught.value.code == "runtime-refuses-model"


def test_weights_of_the_host_are_not_shared_with_cuda(path: Path) -> None:
    model = onnx.load(path)
    name = model.graph.initializer[0].name
    value = ort.OrtValue.ortvalue_from_numpy(numpy_helper.to_array(model.graph.initializer[0]))
    assert list(inference_session(model, weights={name: value}).shared_weights) == [name]
    with pytest.warns(UserWarning, match="CUDAExecutionProvider"):
        session = inference_session(
            model, weights={name: value}, providers=Providers((CUDA_PROVIDER, *CPU_PROVIDERS))
        )
    assert session.shared_weights == {}


def test_loading_it_is_quiet(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """What packages of NVIDIA and ONNX Runtime say of missing libraries is said by `check`."""
    monkeypatch.setattr(ort, "preload_dlls", lambda: print("failed"), raising=False)
    levels: list[int] = []
    monkeypatch.setattr(ort, "set_default_logger_severity", levels.append)
    with Providers((CUDA_PROVIDER,), (), True).opening():
        assert levels == [4]
    assert levels == [4, 2]
    assert capfd.readouterr().out == ""
    with ON_CPU.opening(), Providers((CUDA_PROVIDER,)).opening():
        assert levels == [4, 2]


def test_providers_of_onnxruntime(path: Path) -> None:
    """As a program of ONNX Runtime's gives them, which then takes what is there."""
    asked: list[Provider] = [(CUDA_PROVIDER, {"device_id": 0}), *CPU_PROVIDERS]
    with pytest.warns(UserWarning, match="CUDAExecutionProvider"):
        session = jpegcompile.load(path, providers=asked)
    assert session.execution_providers.has_cuda
    assert session.providers == list(CPU_PROVIDERS)


def test_pickling_keeps_the_choice(path: Path) -> None:
    session = pickle.loads(pickle.dumps(jpegcompile.load(path, providers="cpu")))
    assert session.execution_providers is ON_CPU


def test_outputs_are_bound(path: Path) -> None:
    """Input/output binding: coefficients go in, and outputs stay where they are made."""
    session = jpegcompile.load(path)
    files = [make_jpeg(32, 32), make_jpeg(32, 32, quality=40)]
    network = session.inference_session
    binding = network.io_binding()
    for name, values in session.feeds(files).items():
        binding.bind_ortvalue_input(name, ort.OrtValue.ortvalue_from_numpy(values))
    for name in session.output_names:
        binding.bind_output(name)
    network.run_with_iobinding(binding)
    for bound, expected in zip(binding.get_outputs(), session.run(files), strict=True):
        np.testing.assert_array_equal(bound.numpy(), expected)


def test_the_command_says_what_runs_on_a_gpu(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    execution = jpegcompile.load(path).execution
    assert f"\non a GPU: {execution.cuda_text}\n" in run_text(capsys, "inspect", path)
    count = sum(execution.for_cuda.values())
    assert execution.cuda_text.startswith(f"{count} of {execution.native_nodes} native kernels on")
    some = next(iter(execution.for_cuda))
    there = execution.on_cuda(frozenset([some]))
    assert there.for_cuda == {some: execution.native[some]}
    assert f"({execution.native[some]} of them on CUDA)" in str(there)
    others = [op for op in execution.native if op != some]
    assert "; on the CPU: " in there.cuda_text
    assert all(op in there.cuda_text for op in others)
