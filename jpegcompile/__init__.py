"""Compile spatial residual networks so that they run on the DCT coefficients of JPEG files."""

from jpegcompile.compile import CompiledModel, compile
from jpegcompile.dct.coefficients import Coefficients
from jpegcompile.runtime.coefficients import read_coefficients, read_coefficients_many
from jpegcompile.runtime.session import Session, load
from jpegcompile.version import __version__

__all__ = [
    "Coefficients",
    "CompiledModel",
    "Session",
    "__version__",
    "compile",
    "load",
    "read_coefficients",
    "read_coefficients_many",
]
