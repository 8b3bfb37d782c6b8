"""Preprocessing: presets, JSON files, mappings, and what is refused."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.codes import refused

from jpegcompile.errors import AccessError, UsageError
from jpegcompile.preprocessing.preprocess import Preprocess
from jpegcompile.preprocessing.presets import PRESETS
from jpegcompile.preprocessing.reading import preprocess_of

# Mean and standard deviation as the data sets' users publish them, on the unit range.
PUBLISHED = {
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "cifar10": ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
    "unit": ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
}


FIELDS = (
    "color, crop, decoder, fill, flip, mean, mirror, orientation, preset, resize, scale, std, views"
)


def refusal(spec: Any, where: str = "") -> str:
    """The code of the error, whose message begins with `where`."""
    with pytest.raises(UsageError) as caught:
        preprocess_of(spec)
    assert str(caught.value).startswith(where)
    return caught.value.code


@pytest.mark.parametrize("name", PUBLISHED)
def test_presets_take_the_unit_range(name: str) -> None:
    mean, std = map(np.array, PUBLISHED[name])
    affine = preprocess_of(name).affine(3)
    pixels = np.array([0.0, 255.0, 100.0])
    expected = (pixels / 255 - mean) / std
    np.testing.assert_allclose(pixels * affine.scale + affine.shift, expected, rtol=1e-14)


def test_preset_none_keeps_pixels() -> None:
    assert set(PRESETS) >= {*PUBLISHED, "none"}
    affine = preprocess_of("none").affine(3)
    np.testing.assert_array_equal(affine.scale, np.ones(3))
    np.testing.assert_array_equal(affine.shift, np.zeros(3))


def test_itself_is_taken() -> None:
    preprocess = Preprocess(2.0)
    assert preprocess_of(preprocess) is preprocess


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({}, Preprocess()),
        ({"scale": 1}, Preprocess(1.0)),
        ({"mean": 0.5, "std": 2}, Preprocess(1.0, (0.5,), (2.0,))),
        ({"scale": [0.5]}, Preprocess(0.5)),
        ({"mean": [1, 2, 3], "color": "BGR"}, Preprocess(1.0, (1.0, 2.0, 3.0), color="BGR")),
        ({"std": (1.0, -2.0, 3.0), "color": None}, Preprocess(std=(1.0, -2.0, 3.0))),
    ],
)
def test_mappings_and_files(data: Mapping[str, Any], expected: Preprocess, tmp_path: Path) -> None:
    assert preprocess_of(data) == expected
    path = tmp_path / "how.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    assert preprocess_of(path) == expected
    assert preprocess_of(str(path)) == expected


@pytest.mark.parametrize("preprocess", [*PRESETS.values(), Preprocess(0.1, (1.0,), (2.0,), "L")])
def test_json_round_trip(preprocess: Preprocess) -> None:
    assert preprocess_of(json.loads(json.dumps(preprocess.to_json()))) == preprocess


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ({"mena": 0}, "preprocess-field-unknown"),
        ({"color": "rgb"}, "color-unknown"),
        ({"scale": [1, 2, 3]}, "scale-not-one-number"),
        ({"std": [1, 0, 1]}, "std-zero"),
        ({"mean": []}, "normalization-not-finite"),
        ({"mean": "0.5"}, "normalization-not-finite"),
        ({"mean": None}, "normalization-not-finite"),
        ({"mean": True}, "normalization-not-finite"),
        ({"scale": float("nan")}, "normalization-not-finite"),
        ({"scale": 10**400}, "normalization-not-finite"),
        ({"std": [1, float("inf")]}, "normalization-not-finite"),
        ({"std": [[1, 2, 3]]}, "normalization-not-finite"),
    ],
)
def test_refused_fields(data: Mapping[str, Any], code: str, tmp_path: Path) -> None:
    assert refusal(data, "preprocessing: ") == code
    path = tmp_path / "how.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    assert refusal(path, f"{path}: ") == code


@pytest.mark.parametrize("name", ["imagnet", ""])
def test_unknown_name(name: str) -> None:
    assert refusal(name, f"unknown preprocessing '{name}'") == "preprocess-unknown"


def test_missing_and_unreadable_file(tmp_path: Path) -> None:
    for path, reason in (
        (tmp_path / "how.json", "No such file or directory"),
        (tmp_path, "Is a directory"),
    ):
        with pytest.raises(AccessError) as caught:
            preprocess_of(path)
        assert caught.value.code == "json-unreadable"
        message = f"{path}: cannot read preprocessing: {reason}; check the path"
        assert str(caught.value) == message


def test_damaged_files(tmp_path: Path) -> None:
    path = tmp_path / "how.json"
    path.write_text("{", encoding="utf-8")
    assert refusal(path, f"{path}: ") == "json-invalid"
    path.write_bytes(b"\xff\xfe{}")
    assert refusal(path, f"{path}: ") == "json-invalid"
    path.write_text('{"mean": 0, "mean": 1}', encoding="utf-8")
    assert refusal(path, f"{path}: has 'mean' twice") == "json-name-twice"
    path.write_text("[1, 2]", encoding="utf-8")
    assert refusal(path, f"{path}: ") == "preprocess-not-an-object"


@pytest.mark.parametrize(
    ("color", "channels", "expected"),
    [(None, 1, "L"), (None, 3, "RGB"), ("BGR", 3, "BGR"), ("L", 1, "L"), ("RGB", 3, "RGB")],
)
def test_color_of_a_network(color: Any, channels: int, expected: str) -> None:
    assert Preprocess(color=color).color_for(channels) == expected


@pytest.mark.parametrize(
    ("color", "channels", "code"),
    [
        (None, 4, "preprocess-channels-mismatch"),
        ("L", 3, "preprocess-channels-mismatch"),
        ("BGR", 1, "preprocess-channels-mismatch"),
    ],
)
def test_colors_that_do_not_fit(color: Any, channels: int, code: str) -> None:
    with refused(code, UsageError):
        Preprocess(color=color).color_for(channels)


def test_one_value_stands_for_every_channel() -> None:
    affine = Preprocess(0.5, (1.0,), (2.0, 4.0, 8.0)).affine(3)
    np.testing.assert_array_equal(affine.scale, [0.25, 0.125, 0.0625])
    np.testing.assert_array_equal(affine.shift, [-0.5, -0.25, -0.125])


@pytest.mark.parametrize("field", ["mean", "std"])
def test_lengths_that_do_not_fit(field: str) -> None:
    preprocess = preprocess_of({field: [1.0, 2.0]})
    with refused("normalization-length-mismatch", UsageError) as caught:
        preprocess.affine(3)
    assert f'"{field}"' in str(caught.value)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"std": (0,)}, "std-zero"),
        ({"std": (1.0, math.nan, 1.0)}, "normalization-not-finite"),
        ({"std": (math.inf,)}, "normalization-not-finite"),
        ({"mean": (-math.inf,)}, "normalization-not-finite"),
        ({"mean": ()}, "normalization-not-finite"),
        ({"mean": "0.5"}, "normalization-not-finite"),
        ({"scale": 0}, "scale-zero"),
        ({"scale": math.nan}, "normalization-not-finite"),
        ({"scale": True}, "normalization-not-finite"),
        ({"scale": 10**400}, "normalization-not-finite"),
        ({"color": "CMYK"}, "color-unknown"),
        (
            {"std": (1e-310,)},
            "normalization-beyond-float32",
        ),
        (
            {"mean": (1e30,), "std": (1e-9,)},
            "normalization-beyond-float32",
        ),
        (
            {"scale": 1e-50},
            "normalization-beyond-float32",
        ),
    ],
)
def test_fields_are_checked_wherever_they_are_given(fields: Any, code: str) -> None:
    with refused(code, UsageError):
        Preprocess(**fields)
    assert refusal(fields, "preprocessing: ") == code
    with pytest.raises(UsageError):
        dataclasses.replace(PRESETS["imagenet"], **fields)


def test_numbers_become_floats() -> None:
    made = Preprocess(np.float32(0.5), [1, 2, 3], np.asarray([2, 4, 8]))  # type: ignore[arg-type]
    assert made == Preprocess(0.5, (1.0, 2.0, 3.0), (2.0, 4.0, 8.0))
    assert all(type(value) is float for value in (made.scale, *made.mean, *made.std))


def test_keys_that_are_no_text() -> None:
    where = "preprocessing: unknown field '1'"
    assert refusal({1: 2, "mean": 0}, where) == "preprocess-field-unknown"
