"""Compile spatial residual networks to run on the DCT coefficients of JPEG files."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jpegcompile.compiled_model import CompiledModel
    from jpegcompile.compiler import compile
    from jpegcompile.data.batch import ImageBatch
    from jpegcompile.data.cache.build import build_cache
    from jpegcompile.data.cache.check import check_cache
    from jpegcompile.data.cache.open import CoefficientCache
    from jpegcompile.data.cache.report import CacheReport
    from jpegcompile.data.dataset import ImageDataset
    from jpegcompile.data.unpacking import unpack_batch, unpacked_strips
    from jpegcompile.digits.tour import demo
    from jpegcompile.evaluation.benchmark.results import Benchmark
    from jpegcompile.evaluation.benchmark.run import bench
    from jpegcompile.evaluation.compare import compare
    from jpegcompile.evaluation.gpu_check.records import GpuCheck
    from jpegcompile.evaluation.gpu_check.run import gpu_check
    from jpegcompile.evaluation.merge import merge
    from jpegcompile.evaluation.predict import run
    from jpegcompile.evaluation.verify import verify
    from jpegcompile.frequency_plan import FrequencyPlan, NodeFrequencies
    from jpegcompile.gpu.library.build import gpu_kernels
    from jpegcompile.inspection import inspect
    from jpegcompile.jpeg.coefficients import Coefficients
    from jpegcompile.jpeg.frame import Frame
    from jpegcompile.jpeg.packed_images import PackedImages
    from jpegcompile.jpeg.read import read_coefficients, read_coefficients_many
    from jpegcompile.learning.training.finetune import finetune
    from jpegcompile.reproduction.experiments import paper
    from jpegcompile.reproduction.results import PaperResults
    from jpegcompile.resolution_plan import ResolutionPlan
    from jpegcompile.results.finetuning import Finetuning
    from jpegcompile.runtime.native import Execution, custom_ops_library
    from jpegcompile.runtime.opened import load, load_module
    from jpegcompile.runtime.session import Session
    from jpegcompile.search.frequencies import choose_frequencies
    from jpegcompile.search.frequency_search import FrequencySearch
    from jpegcompile.search.resolution import ResolutionSearch, choose_resolution
    from jpegcompile.spatial_model import to_spatial
    from jpegcompile.tuning.record import Tuning
    from jpegcompile.tuning.tune import tune
    from jpegcompile.version import __version__

# The module of each public name. Modules are imported when a name is first used.
_MODULES = {
    "Benchmark": "evaluation.benchmark.results",
    "CacheReport": "data.cache.report",
    "CoefficientCache": "data.cache.open",
    "Coefficients": "jpeg.coefficients",
    "CompiledModel": "compiled_model",
    "Execution": "runtime.native",
    "Finetuning": "results.finetuning",
    "Frame": "jpeg.frame",
    "FrequencyPlan": "frequency_plan",
    "FrequencySearch": "search.frequency_search",
    "GpuCheck": "evaluation.gpu_check.records",
    "ImageBatch": "data.batch",
    "ImageDataset": "data.dataset",
    "NodeFrequencies": "frequency_plan",
    "PackedImages": "jpeg.packed_images",
    "PaperResults": "reproduction.results",
    "ResolutionPlan": "resolution_plan",
    "ResolutionSearch": "search.resolution",
    "Session": "runtime.session",
    "Tuning": "tuning.record",
    "__version__": "version",
    "bench": "evaluation.benchmark.run",
    "build_cache": "data.cache.build",
    "check_cache": "data.cache.check",
    "choose_frequencies": "search.frequencies",
    "choose_resolution": "search.resolution",
    "compare": "evaluation.compare",
    "compile": "compiler",
    "custom_ops_library": "runtime.native",
    "demo": "digits.tour",
    "finetune": "learning.training.finetune",
    "gpu_check": "evaluation.gpu_check.run",
    "gpu_kernels": "gpu.library.build",
    "inspect": "inspection",
    "load": "runtime.opened",
    "load_module": "runtime.opened",
    "merge": "evaluation.merge",
    "paper": "reproduction.experiments",
    "read_coefficients": "jpeg.read",
    "read_coefficients_many": "jpeg.read",
    "run": "evaluation.predict",
    "to_spatial": "spatial_model",
    "tune": "tuning.tune",
    "unpack_batch": "data.unpacking",
    "unpacked_strips": "data.unpacking",
    "verify": "evaluation.verify",
}

__all__ = [
    "Benchmark",
    "CacheReport",
    "CoefficientCache",
    "Coefficients",
    "CompiledModel",
    "Execution",
    "Finetuning",
    "Frame",
    "FrequencyPlan",
    "FrequencySearch",
    "GpuCheck",
    "ImageBatch",
    "ImageDataset",
    "NodeFrequencies",
    "PackedImages",
    "PaperResults",
    "ResolutionPlan",
    "ResolutionSearch",
    "Session",
    "Tuning",
    "__version__",
    "bench",
    "build_cache",
    "check_cache",
    "choose_frequencies",
    "choose_resolution",
    "compare",
    "compile",
    "custom_ops_library",
    "demo",
    "finetune",
    "gpu_check",
    "gpu_kernels",
    "inspect",
    "load",
    "load_module",
    "merge",
    "paper",
    "read_coefficients",
    "read_coefficients_many",
    "run",
    "to_spatial",
    "tune",
    "unpack_batch",
    "unpacked_strips",
    "verify",
]

# With `__getattr__` visible, type checkers would accept any name.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """Import a public name on first use."""
        if name not in _MODULES:
            raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
        from importlib import import_module

        from jpegcompile.installed import require_installed

        require_installed()
        value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
