"""schema.json and the reader agree on what a description is; records survive being written."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.tiers import quick_of

from jpegcompile.dct.color import Color
from jpegcompile.errors import UsageError
from jpegcompile.preprocessing.fields import CROP_FIELDS, RESIZE_FIELDS
from jpegcompile.preprocessing.geometry import Geometry, Views
from jpegcompile.preprocessing.preprocess import Decoder, Preprocess
from jpegcompile.preprocessing.presets import PRESETS
from jpegcompile.preprocessing.reading import FIELDS, preprocess_of
from jpegcompile.preprocessing.steps import (
    INTERPOLATIONS,
    Corner,
    Crop,
    Filter,
    Fit,
    Library,
    Resize,
    Rounding,
)
from jpegcompile.preprocessing.torchvision_weights import PREFIX, WEIGHTS, of_weights

SCHEMA = json.loads(files("jpegcompile.preprocessing").joinpath("schema.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def validator() -> Any:
    jsonschema = pytest.importorskip("jsonschema", reason="needs the package jsonschema")
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    return jsonschema.Draft202012Validator(SCHEMA)


def test_fields_and_names_are_those_of_the_records() -> None:
    fields, resize, crop = SCHEMA["properties"], SCHEMA["$defs"]["resize"], SCHEMA["$defs"]["crop"]
    assert set(fields) == FIELDS
    assert set(resize["properties"]) == set(RESIZE_FIELDS)
    assert set(crop["properties"]) == set(CROP_FIELDS)
    assert fields["preset"]["anyOf"][0]["enum"] == list(PRESETS)
    assert fields["views"]["enum"] == list(get_args(Views))
    assert fields["color"]["enum"] == [*get_args(Color), None]
    assert fields["decoder"]["enum"] == list(get_args(Decoder))
    assert resize["properties"]["fit"]["enum"] == list(get_args(Fit))
    assert resize["properties"]["library"]["enum"] == list(get_args(Library))
    assert crop["properties"]["rounding"]["enum"] == list(get_args(Rounding))
    assert SCHEMA["$defs"]["position"]["anyOf"][0]["enum"] == list(get_args(Corner))
    for part in resize["allOf"][:6]:
        library = part["if"]["properties"]["library"]["const"]
        names = part["then"]["properties"]["filter"]["enum"]
        assert names == list(INTERPOLATIONS[library])


def test_defaults_are_those_of_the_records() -> None:
    written = {
        name: field["default"] for name, field in SCHEMA["properties"].items() if "default" in field
    }
    assert preprocess_of(written) == Preprocess()
    parts = SCHEMA["$defs"]
    resize = {n: f["default"] for n, f in parts["resize"]["properties"].items() if "default" in f}
    crop = {n: f["default"] for n, f in parts["crop"]["properties"].items() if "default" in f}
    assert resize.pop("antialias") is Filter().antialias
    made = preprocess_of({"resize": resize, "crop": crop}).geometry
    assert (made.resize, made.crop) == (Resize(), Crop())


sides = st.integers(1, 65535)
pairs = st.tuples(sides, sides)
filters = st.sampled_from(
    [
        *(Filter(name, library) for library, names in INTERPOLATIONS.items() for name in names),
        Filter("bilinear", "torchvision", antialias=False),
        Filter("bicubic", "onnxruntime", antialias=False),
    ]
)
antialiasing = st.sampled_from(
    [Filter("lanczos"), Filter("area", "opencv"), Filter("bilinear", "torchvision")]
)
ratios = st.floats(0.01, 1)
resizes = st.one_of(
    st.builds(Resize, st.just("short"), st.none(), ratios, filters),
    st.builds(Resize, st.just("short"), sides, filter=filters),
    st.builds(Resize, st.just("exact"), st.one_of(st.none(), pairs), filter=filters),
    st.builds(Resize, st.sampled_from(["exact", "long"]), st.none(), ratios, filters),
    st.builds(Resize, st.sampled_from(["long", "pad"]), st.one_of(st.none(), pairs)),
    st.builds(Resize, st.just("exact"), st.none(), ratios, antialiasing, st.booleans()),
)
offsets = st.integers(-65535, 65535)
positions = st.one_of(st.sampled_from(get_args(Corner)), st.tuples(offsets, offsets))
crops = st.builds(Crop, positions, st.sampled_from(get_args(Rounding)), st.one_of(st.none(), pairs))
levels = st.lists(st.floats(0, 255), min_size=1, max_size=4).map(tuple)
flags = st.booleans()
geometries = st.one_of(
    st.builds(Geometry, st.one_of(st.none(), resizes), crops, flags, flags, flags, levels),
    st.builds(Geometry, crop=st.just(Crop()), views=st.sampled_from(get_args(Views))),
    st.builds(Geometry),
)
numbers = st.floats(0.001, 300)
lists = st.lists(numbers, min_size=1, max_size=4).map(tuple)
colors = st.sampled_from([None, *get_args(Color)])
decoders = st.sampled_from(get_args(Decoder))
records = st.builds(Preprocess, numbers, lists, lists, colors, geometries, decoders)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(record=records)
def test_records_survive_being_written(record: Preprocess, validator: Any) -> None:
    text = json.dumps(record.to_json())
    assert preprocess_of(json.loads(text)) == record
    assert preprocess_of(text) == record
    validator.validate(json.loads(text))


def test_names_survive_being_written(validator: Any) -> None:
    for name, record in {
        **PRESETS,
        **{PREFIX + w: of_weights(PREFIX + w) for w in WEIGHTS},
    }.items():
        assert preprocess_of(record.to_json()) == record, name
        validator.validate(record.to_json())
        validator.validate({"preset": name})
        assert preprocess_of({"preset": name}) == preprocess_of(name) == record


# Values of which some are right for each field, and some are not.
VALUES: list[Any] = [None, True, False, -1, 0, 1, 0.5, 224, 70000, "x", [], [3], [3, 4], [3, 4, 5]]
NAMES = [
    *("center", "top-left", "even", "down", "five", "RGB", "L", "short", "long", "exact", "pad"),
    *("nearest", "nearest-exact", "box", "bilinear", "area", "opencv", "torchvision", "tensorflow"),
]
PLACES = [
    *((field,) for field in sorted(FIELDS - {"preset"})),
    *(("resize", field) for field in (*RESIZE_FIELDS, "x")),
    *(("crop", field) for field in (*CROP_FIELDS, "x")),
    ("x",),
]


BASES: list[dict[str, Any]] = [
    {},
    {"resize": {"fit": "exact"}, "crop": {}},
    {"resize": {"fit": "short", "size": 224}, "crop": {"position": [3, 4]}},
    {"resize": {"fit": "long", "size": [3, 4], "library": "opencv"}, "crop": "center"},
    {"resize": {"fit": "pad", "library": "torchvision"}, "crop": None},
    {"resize": {"crop_ratio": 0.5, "library": "tensorflow"}, "views": "ten"},
    {"resize": {"scaled_decoding": True}},
    {"resize": {"scaled_decoding": True, "library": "torchvision", "filter": "bicubic"}},
    {"resize": {"scaled_decoding": True, "library": "opencv", "filter": "area"}},
    {"resize": {"scaled_decoding": True, "library": "jpegcompile", "filter": "dct"}},
]


def changed(base: dict[str, Any], place: tuple[str, ...], value: Any) -> dict[str, Any]:
    """A copy with another value in one place."""
    data: dict[str, Any] = json.loads(json.dumps(base))
    part = data
    for name in place[:-1]:
        if not isinstance(part.get(name), dict):
            part[name] = {}
        part = part[name]
    part[place[-1]] = value
    return data


def refusal_of(document: Any) -> str | None:
    try:
        preprocess_of(document)
    except UsageError as error:
        return str(error)
    return None


@pytest.mark.parametrize("base", quick_of(BASES, quick=3, ids=json.dumps))
def test_the_schema_takes_what_the_reader_takes(base: dict[str, Any], validator: Any) -> None:
    """With every field changed to every value, right or wrong."""
    outcomes = []
    for place in PLACES:
        for value in [*VALUES, *NAMES, {}]:
            document = changed(base, place, value)
            message = refusal_of(document)
            assert validator.is_valid(document) == (message is None), (document, message)
            if message is not None:
                assert message.startswith("preprocessing: ")
                assert "\n" not in message
            outcomes.append(message is None)
    # Neither of them takes or refuses everything.
    assert 20 < sum(outcomes) < len(outcomes) - 20
