"""The function `demo`: compile, verify and compare the network of the demo."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jpegcompile.compiler import compile as compile_model
from jpegcompile.digits import images_path, model_path, preprocess_path
from jpegcompile.evaluation.compare import compare
from jpegcompile.evaluation.comparison import Comparison
from jpegcompile.evaluation.predict import Prediction, run
from jpegcompile.evaluation.verification import Verification
from jpegcompile.evaluation.verify import verify
from jpegcompile.progress import Progress


@dataclass(frozen=True)
class Demo:
    """The result of the demo.

    Attributes:
        lowered: number of nodes in the JPEG domain.
        kept: number of nodes that stayed spatial.
        predictions: predictions for a few images.
        verification: verification of the compiled network on all images.
        comparison: accuracy of both networks on all images.
    """

    lowered: int
    kept: int
    predictions: list[Prediction]
    verification: Verification
    comparison: Comparison

    def to_json(self) -> dict[str, Any]:
        """Return JSON-ready data."""
        return {
            "lowered": self.lowered,
            "kept": self.kept,
            "predictions": [prediction.to_json() for prediction in self.predictions],
            "verification": self.verification.to_json(),
            "comparison": self.comparison.to_json(),
        }


def demo(progress: Progress | None = None) -> Demo:
    """Compile the network of the demo, verify it, and compare it on its test images.

    Args:
        progress: called with (done, total) while images are compared.

    Raises:
        AccessError: if the demo's files are missing, or the temporary folder is not writable.
    """
    source, images = model_path(), images_path()
    with tempfile.TemporaryDirectory(prefix="jpegcompile-demo-") as folder:
        target = Path(folder) / "digits.jpeg.onnx"
        compiled = compile_model(source, preprocess=preprocess_path())
        compiled.save(target)
        first = [next(iter(sorted(path.glob("*.jpg")))) for path in sorted(images.iterdir())]
        return Demo(
            lowered=len(compiled.report.lowered),
            kept=len(compiled.report.kept),
            predictions=run(target, first[:3], top=1),
            verification=verify(source, target, images),
            comparison=compare(source, target, images, progress=progress),
        )
