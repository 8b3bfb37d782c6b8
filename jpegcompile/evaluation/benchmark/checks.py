"""Comparison of the outputs of all sides with the original's outputs for the float decode."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jpegcompile.evaluation.benchmark.difference import Difference, differences
from jpegcompile.evaluation.benchmark.job import SPATIAL
from jpegcompile.evaluation.benchmark.job_templates import JobTemplates
from jpegcompile.evaluation.benchmark.process import Process
from jpegcompile.evaluation.benchmark.rivals.registry import PILLOW_AS_WRITTEN
from jpegcompile.evaluation.meter import Meter, Variant, verification
from jpegcompile.evaluation.verification import Verification
from jpegcompile.evaluation.verify import require_passed


@dataclass(frozen=True)
class Checked:
    """The check of the outputs of one side.

    Attributes:
        verification: verification of a compiled model; None for the original.
        differences: differences of the original with a rival's reader.
    """

    verification: Verification | None = None
    differences: tuple[Difference, ...] = ()


class Checks:
    """The checks of the sides of one cell."""

    def __init__(self, templates: JobTemplates, first: Process, outputs: Sequence[str]) -> None:
        """Get the reference outputs from the first side, which is the original.

        Args:
            templates: jobs of the benchmark.
            first: process of the first side.
            outputs: files with its outputs for each set of inputs.
        """
        self._templates = templates
        self._exact, self._pillow = outputs, None
        if first.job.takes_files:
            self._exact = first.ask("exact", str(templates.folder))["files"]
            if first.job.side in (SPATIAL, PILLOW_AS_WRITTEN):
                self._pillow = outputs

    def of(self, process: Process, actual: Sequence[str]) -> Checked:
        """Check one side.

        Args:
            process: process of the side.
            actual: files with its outputs, one for each set.

        Raises:
            CheckFailedError: if the outputs of an exact compiled model differ.
        """
        if not process.job.is_original:
            check = self._verification(process.outputs, actual)
            if self._templates.is_exact:
                require_passed(check)
            return Checked(check)
        if not process.job.is_preprocessed:
            return Checked()
        read = partial(_read_outputs, names=process.outputs)
        pairs = [(read(own), read(exact)) for own, exact in zip(actual, self._exact, strict=True)]
        return Checked(differences=differences(process.outputs, pairs))

    def _verification(self, names: Sequence[str], actual: Sequence[str]) -> Verification:
        templates = self._templates
        meter = Meter(templates.tolerance, templates.jobs[0].image.layout)
        for index, paths in enumerate(zip(actual, self._exact, strict=True)):
            own, expected = (_read_outputs(path, names) for path in paths)
            pillow = None if self._pillow is None else _read_outputs(self._pillow[index], names)
            # Inputs of an incomplete last batch are not run.
            variants = [
                Variant(
                    {n: v[: len(expected[n])] for n, v in _read_outputs(path, names).items()},
                    weight,
                )
                for path, weight in templates.variants[index]
            ]
            count = len(own[names[0]])
            meter.outputs(names, own, expected, pillow, variants, inputs=count)
        return verification(meter, is_exact=templates.is_exact)


def _read_outputs(path: str, names: Sequence[str]) -> dict[str, NDArray[Any]]:
    with np.load(path) as arrays:
        return {name: arrays[f"arr_{index}"] for index, name in enumerate(names)}
