"""Lines that compile the demo with few frequencies."""

from __future__ import annotations

from jpegcompile.digits import model_path, preprocess_path

MODEL = str(model_path())
COMPILE = ("compile", MODEL, "--preprocess", preprocess_path())
AUTO = ("--frequencies", "auto", "--max-drop", 15, "--images")
