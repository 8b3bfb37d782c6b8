"""Networks of the zoo as PyTorch modules, from JPEG files to logits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.coefficient_files import SAMPLINGS, random_file
from support.exports import export
from support.families import FAMILIES, SHALLOW
from support.tiers import thorough

import jpegcompile

SIDE = 32
# Rounding difference of tf32x3 kernels and CPU kernels, relative to the largest logit.
AGREEMENT = 1e-4
# Squeeze-and-excitation, activations before convolutions, grouped convolutions.
NETWORKS = ("SE-ResNet, linear layers", "ResNet v2, basic blocks", "ResNeXt-50 32x4d")


@thorough
@pytest.mark.parametrize("name", NETWORKS)
def test_files_give_the_logits_of_the_cpu(tmp_path: Path, name: str) -> None:
    family = next(f for f in (*SHALLOW, *FAMILIES) if name in f.name and not f.is_deep)
    source = export(family.build(), SIDE, tmp_path / "source.onnx", "torchscript")
    files = [tmp_path / f"{index}.jpg" for index in range(2)]
    for file, sampling in zip(files, ("4:2:0", "4:4:4"), strict=True):
        file.write_bytes(random_file(SAMPLINGS[sampling], SIDE, SIDE))
    logits: dict[str, np.ndarray[Any, Any]] = {}
    for target, path in (("ort", tmp_path / "m.onnx"), ("triton", tmp_path / "m")):
        jpegcompile.compile(source, target=target, preprocess="unit").save(path)
        (logits[target],) = jpegcompile.load(path).run(files)
    error = np.abs(logits["triton"] - logits["ort"]).max()
    assert error < AGREEMENT * np.abs(logits["ort"]).max()
    # The outputs differ between files.
    assert np.abs(np.diff(logits["ort"], axis=0)).max() > 100 * error
