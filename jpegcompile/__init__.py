"""Compile spatial residual networks so that they run on the DCT coefficients of JPEG files."""

from importlib.util import find_spec as _find_spec

if _find_spec("jpegcompile._native") is None:
    # Python puts the folder that it starts in first, and in a clone that holds the bare sources.
    raise ImportError(
        "these are jpegcompile's sources, not the installed package; start Python in another"
        " folder, or install the clone with pip install -e ."
    )

from jpegcompile.compiler import CompiledModel, compile
from jpegcompile.digits.tour import demo
from jpegcompile.evaluation.benchmark.results import Benchmark
from jpegcompile.evaluation.benchmark.run import bench
from jpegcompile.evaluation.compare import compare
from jpegcompile.evaluation.predict import run
from jpegcompile.evaluation.verify import verify
from jpegcompile.frequency_plan import FrequencyPlan, NodeFrequencies
from jpegcompile.inspection import inspect
from jpegcompile.jpeg.coefficients import Coefficients
from jpegcompile.jpeg.read import read_coefficients, read_coefficients_many
from jpegcompile.reproduction.experiments import paper
from jpegcompile.reproduction.results import PaperResults
from jpegcompile.runtime.native import Execution, custom_ops_library
from jpegcompile.runtime.session import Session, load
from jpegcompile.search.frequencies import FrequencySearch, choose_frequencies
from jpegcompile.version import __version__

__all__ = [
    "Benchmark",
    "Coefficients",
    "CompiledModel",
    "Execution",
    "FrequencyPlan",
    "FrequencySearch",
    "NodeFrequencies",
    "PaperResults",
    "Session",
    "__version__",
    "bench",
    "choose_frequencies",
    "compare",
    "compile",
    "custom_ops_library",
    "demo",
    "inspect",
    "load",
    "paper",
    "read_coefficients",
    "read_coefficients_many",
    "run",
    "verify",
]
