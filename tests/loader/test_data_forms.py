"""The benchmark of forms compares what it times."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from benchmarks import data_forms as benchmark
from support.data_forms import DataForms
from support.mixed_files import jpeg_file
from support.tiers import thorough


@pytest.mark.parametrize(
    "sides", [pytest.param([224, 224, 224], marks=thorough), [300, 260, 260]], ids=str
)
def test_wrong_values_are_found(sides: list[int], tmp_path: Path) -> None:
    files = [tmp_path / f"{index}.jpg" for index in range(3)]
    for index, file in enumerate(files):
        file.write_bytes(jpeg_file(sides[index], sides[index], index))
    forms = DataForms(files, (224, 224), sides[0] != 224, 2, tmp_path)
    forms.store()
    sizes = forms.bytes_of_forms()
    assert sizes["uint8"] == 3 * 224 * 224 == sizes["float32"] / 4
    benchmark.check(forms)
    values = np.memmap(tmp_path / "int16", np.int16, "r+")
    values[64 * 9] += 40
    values.flush()
    with pytest.raises(AssertionError):
        benchmark.check(forms)
