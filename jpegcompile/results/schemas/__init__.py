"""JSON schemas (draft 2020-12) of the --json output of each verb, one file for each verb.

`python -m jpegcompile.results.schemas` writes the files again from the record types.
"""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

from jpegcompile.errors import UsageError
from jpegcompile.messages import Message

# Verbs with a schema. The output of `merge` has the schema of the verb that wrote its inputs.
VERBS = (
    *("bench", "cache", "compare", "compile", "demo", "finetune", "gpu-check", "gpu-kernels"),
    "inspect",
    *("run", "tune", "verify"),
)


def schema_of_verb(verb: str) -> dict[str, Any]:
    """Return the schema of the --json output of a verb.

    Args:
        verb: one of `VERBS`.

    Raises:
        UsageError: if the verb has no schema.
    """
    if verb not in VERBS:
        text = f"the verb '{verb}' has no schema; these have one: {', '.join(VERBS)}"
        raise UsageError(Message("schema-unknown", text))
    found = json.loads(files(__name__).joinpath(f"{verb}.json").read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found
