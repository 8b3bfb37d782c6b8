"""What is known of the third-party models in ../shared/models, from their SOURCES.md."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_CIFAR_MEAN = [0.4914, 0.4822, 0.4465]


@dataclass(frozen=True)
class ThirdParty:
    """A model of CIFAR-10 classes.

    Attributes:
        name: of the file, without suffix.
        preprocess: as `compile` takes it.
        top1: with the float decode, on cifar10_test.
        labels: class index by folder, where it does not follow the sorted names.
    """

    name: str
    preprocess: Any
    top1: float
    labels: dict[str, int] = field(default_factory=dict)

    def path(self, shared: Path) -> Path:
        return shared / "models" / f"{self.name}.onnx"

    def labels_file(self, folder: Path) -> Path | None:
        if not self.labels:
            return None
        file = folder / "labels.json"
        file.write_text(json.dumps(self.labels), encoding="utf-8")
        return file


CIFAR10 = (
    ThirdParty(
        "sclbl_resnet20_opset7",
        {"scale": 1 / 255, "mean": _CIFAR_MEAN, "std": [0.2023, 0.1994, 0.2010]},
        0.8130,
    ),
    ThirdParty("onnc_resnet20_bn", "cifar10", 0.8025),
    ThirdParty("akamaster_resnet20_option_a", "imagenet", 0.8090),
    ThirdParty("vnncomp_resnet_2b", "cifar10", 0.6895),
    ThirdParty(
        "homework_resnet20_nhwc", "none", 0.6267, {"automobile": 0, "airplane": 1, "ship": 2}
    ),
)
GRAY = ThirdParty("mnistlab_resnet_28x28_gray", "unit", 0.0)
