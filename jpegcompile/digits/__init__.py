"""The demo: a small trained residual network for colored digits, and labelled JPEG test images.

The functions below return the paths of the demo's files. `python -m jpegcompile.digits.train`
creates the files again.
The images are derived from "Optical Recognition of Handwritten Digits" by E. Alpaydin and
C. Kaynak (UCI Machine Learning Repository, 1998), as scikit-learn ships it.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Final

from jpegcompile.errors import AccessError
from jpegcompile.messages import Message

__all__ = [
    "IMAGES_NAME",
    "MODEL_NAME",
    "PREPROCESS_NAME",
    "images_path",
    "model_path",
    "preprocess_path",
]

MODEL_NAME: Final = "digits_resnet.onnx"
PREPROCESS_NAME: Final = "preprocess.json"
IMAGES_NAME: Final = "images"


def _resource(name: str) -> Path:
    """Return the path of a file of the demo.

    Raises:
        AccessError: if the file is missing, or the package is not unpacked.
    """
    resource = files(__name__).joinpath(name)
    # In a zip archive a resource is not a Path, and ONNX Runtime cannot open it by name.
    if not isinstance(resource, Path) or not resource.exists():
        text = (
            f"{resource}: the demo's {name} is missing as a file; install jpegcompile unpacked, or"
            " create the demo with python -m jpegcompile.digits.train"
        )
        raise AccessError(Message("demo-file-missing", text))
    return resource


def model_path() -> Path:
    """Return the ONNX file: `image` float32 [N, 3, 32, 32] to `logits` float32 [N, 10].

    Raises:
        AccessError: if the file is missing, or the package is not unpacked.
    """
    return _resource(MODEL_NAME)


def preprocess_path() -> Path:
    """Return the JSON file of the preprocessing: `image` is (pixel * scale - mean) / std.

    Raises:
        AccessError: if the file is missing, or the package is not unpacked.
    """
    return _resource(PREPROCESS_NAME)


def images_path() -> Path:
    """Return the folder of test images, `<digit>/<number>.jpg`, 32x32, 4:2:0, 20 of each digit.

    Raises:
        AccessError: if the folder is missing, or the package is not unpacked.
    """
    return _resource(IMAGES_NAME)
