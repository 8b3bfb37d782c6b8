"""List the GPU kernels of the native library: every form that its operators can launch on CUDA.

`cuda.cc` in the operators' folders launches the kernels, at every block size, window and
truncation. The library also reads and writes coefficients as a raster, at their positions in the
map: with the kernels for pixels and a transform.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import product

import numpy as np

from jpegcompile.dct.affine import ChannelAffine
from jpegcompile.gpu.functions import ACTIVATIONS
from jpegcompile.gpu.launch import Launch
from jpegcompile.gpu.layout import MapLayout
from jpegcompile.gpu.library.form import IMAGE, PIXELS, POINT, ROWS, TRUNCATED, Form, at_places
from jpegcompile.gpu.library.function_forms import function_forms
from jpegcompile.gpu.library.pixel_forms import pixel_forms
from jpegcompile.gpu.programs import (
    ASM_CLIP,
    ASM_RELU,
    CLIP,
    NOTHING,
    RELU,
    of_approximation,
)
from jpegcompile.jpeg.subsampling import SUBSAMPLINGS, frame_of
from jpegcompile.kernels.arithmetic.launch import Elementwise
from jpegcompile.kernels.average_pool.launch import GlobalAveragePool
from jpegcompile.kernels.conv.launch import THIN, Convolution
from jpegcompile.kernels.ingest.launch import Ingest
from jpegcompile.kernels.layout.launch import FromPlanes, ToPlanes
from jpegcompile.kernels.max_pool.launch import GlobalMaxPool, MaxPool
from jpegcompile.kernels.resample.launch import Resample
from jpegcompile.network_input import NetworkInput
from jpegcompile.precision import Precision

# Numbers of channels that are multiples of 64, 32 and 16.
_DEPTHS = (64, 32, 16)
# Window widths in images that require steps of 16, 32 and 64 numbers.
_THIN_WIDTHS = (3, 7, 11)
# Side of sample files: larger than every window of coefficients. The factors are arbitrary.
_FILE = 64
_AFFINE = ChannelAffine(np.ones(3), np.zeros(3))
_FUNCTIONS = (
    NOTHING,
    RELU,
    CLIP,
    ASM_RELU,
    ASM_CLIP,
    of_approximation(RELU),
    of_approximation(CLIP),
)


def library_forms() -> Iterator[Form]:
    """Iterate over all forms. Several forms can share a kernel."""
    yield from _windowed()
    yield from _thin()
    yield from _pixelwise()
    yield from _maps()
    yield from function_forms()
    yield from pixel_forms()
    yield from _ingests()
    yield from _transposed()
    yield Form(GlobalMaxPool(PIXELS, POINT), {})
    yield Form(Resample(PIXELS, PIXELS, (1, 1)), {})


def library_launches(precision: Precision) -> list[Launch]:
    """Return a launch of each form in each tiling. Several launches can share a kernel."""
    return launches_of_forms(library_forms(), precision)


def launches_of_forms(forms: Iterable[Form], precision: Precision) -> list[Launch]:
    """Return a launch of each given form in each tiling."""
    return [form.launch(precision, tiling) for form in forms for tiling in form.tilings(precision)]


def _windowed() -> Iterator[Form]:
    for program, residual, y in product(ACTIVATIONS.values(), (None, PIXELS, ROWS), (PIXELS, ROWS)):
        for channels in _DEPTHS:
            x = replace(PIXELS, channels=channels)
            conv = Convolution(x, y, (3, 3), (1, 1), (1, 1), residual=residual, program=program)
            yield from at_places(conv, RESIDUAL_ROWS=residual, Y_ROWS=y)


def _thin() -> Iterator[Form]:
    for program, y, width in product(ACTIVATIONS.values(), (PIXELS, ROWS), _THIN_WIDTHS):
        conv = Convolution(replace(IMAGE, thin=THIN), y, (width, width), program=program)
        yield from at_places(conv, Y_ROWS=y)


def _pixelwise() -> Iterator[Form]:
    """Iterate over 1x1 convolutions of coefficients.

    They read residuals as pixels or in the layout of x. Without a program, they only transform if y
    has other coefficients than x.
    """
    for channels, program in product(_DEPTHS, ACTIVATIONS.values()):
        x = replace(ROWS, channels=channels)
        for residual in (None, PIXELS, ROWS):
            yield from _activated(Convolution(x, TRUNCATED, residual=residual, program=program))
    for channels, residual, is_rows in product(_DEPTHS, (None, ROWS), (False, True)):
        conv = Convolution(replace(ROWS, channels=channels), ROWS, residual=residual)
        added = is_rows and residual is not None
        yield Form(conv, {"X_ROWS": is_rows, "RESIDUAL_ROWS": added, "Y_ROWS": is_rows})


def _activated(conv: Convolution) -> Iterator[Form]:
    for x_rows, y_rows in product((False, True), repeat=2):
        added = x_rows and conv.residual is not None and conv.residual.is_rows
        constants = {"X_ROWS": x_rows, "RESIDUAL_ROWS": added, "Y_ROWS": y_rows}
        yield Form(conv, constants)


def _maps() -> Iterator[Form]:
    for program, x, y in product(_FUNCTIONS, (PIXELS, ROWS), (PIXELS, ROWS)):
        phi = 1 if program.approximates else 0
        yield from at_places(Elementwise(x, y, program, phi=phi), X_ROWS=x, Y_ROWS=y)
    for is_asm, y in product((False, True), (PIXELS, ROWS)):
        yield from at_places(MaxPool(PIXELS, y, (3, 3), is_asm=is_asm), Y_ROWS=y)
    yield Form(GlobalAveragePool(PIXELS, POINT), {})
    yield Form(FromPlanes(PIXELS), {})
    yield Form(FromPlanes(replace(IMAGE, thin=THIN)), {})
    yield Form(ToPlanes(PIXELS), {})


def _ingests() -> Iterator[Form]:
    """Iterate over the ingests of every chroma subsampling, to planes and to channels last."""
    for subsampling, is_planes in product(SUBSAMPLINGS, (False, True)):
        frame = frame_of(subsampling, _FILE, _FILE)
        taken = NetworkInput("x", 3, *frame.size, "NCHW", color="RGB", affine=_AFFINE)
        image = MapLayout(3, *frame.size, thin=THIN)
        yield Form(Ingest(image, frame, taken), {"PLANES": is_planes})


def _transposed() -> Iterator[Form]:
    for channels, y in product(_DEPTHS, (PIXELS, ROWS)):
        x = replace(PIXELS, channels=channels)
        conv = Convolution(x, y, (3, 3), (2, 2), (1, 1), is_transposed=True)
        yield Form(conv, {"Y_ROWS": False})
