"""The schemas are current, and wrong documents do not fit them.

The documents of all commands are checked as the tests of the commands run them (`run_json`).
"""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from support.codes import refused
from support.commands import few_images

import jpegcompile
from jpegcompile.digits import model_path, preprocess_path
from jpegcompile.errors import UsageError
from jpegcompile.results.schemas import VERBS, schema_of_verb
from jpegcompile.results.schemas.documents import DOCUMENTS, schema_text

PACKAGE = "jpegcompile.results.schemas"


@pytest.fixture(scope="module")
def verified(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("verified")
    path = folder / "digits.jpeg.onnx"
    jpegcompile.compile(model_path(), preprocess=preprocess_path()).save(path)
    images = folder / "images"
    images.mkdir()
    result = jpegcompile.verify(model_path(), path, few_images(images) / "3")
    return json.loads(json.dumps(result.to_json()))


@pytest.mark.parametrize("verb", VERBS)
def test_schemas_are_current(verb: str) -> None:
    text = files(PACKAGE).joinpath(f"{verb}.json").read_text(encoding="utf-8")
    assert text == schema_text(verb), "run python -m jpegcompile.results.schemas"
    jsonschema.Draft202012Validator.check_schema(json.loads(text))


def test_every_document_has_a_schema() -> None:
    assert set(DOCUMENTS) == set(VERBS)
    folder = Path(str(files(PACKAGE)))
    assert {path.stem for path in folder.glob("*.json")} == set(VERBS)
    with refused("schema-unknown", UsageError):
        schema_of_verb("demo")


def test_the_document_fits(verified: Any) -> None:
    jsonschema.Draft202012Validator(schema_of_verb("verify")).validate(verified)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("inputs",), "4"),
        (("inputs",), 4.5),
        (("kind",), "comparison"),
        (("passed",), None),
        (("new",), 1),
        (("outputs", 0, "largest"), None),
        (("outputs", 0, "new"), 1),
        (("outputs", 0, "shapes"), [[1, 2]]),
        (("nodes", 0, "error"), "0"),
        (("evidence", "outputs", 0, "margins"), [[]]),
        (("ignored",), {"a": 1}),
        (("skipped",), [{"file": "a"}]),
    ],
)
def test_wrong_documents_do_not_fit(path: tuple[Any, ...], value: Any, verified: Any) -> None:
    changed = json.loads(json.dumps(verified))
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    validator = jsonschema.Draft202012Validator(schema_of_verb("verify"))
    assert not validator.is_valid(changed)


@pytest.mark.parametrize("verb", VERBS)
def test_documents_without_a_key_do_not_fit(verb: str) -> None:
    assert not jsonschema.Draft202012Validator(schema_of_verb(verb)).is_valid({})
