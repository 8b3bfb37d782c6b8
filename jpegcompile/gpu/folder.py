"""The files of a model for `--target triton`."""

from __future__ import annotations

MODEL = "model.py"
WEIGHTS = "weights.safetensors"
MANIFEST = "manifest.json"
# Of the manifest; an older tool refuses a newer one.
MANIFEST_FORMAT = 1
