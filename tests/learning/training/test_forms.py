"""The form of the batches is a matter of speed: networks learn the same from each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from support.commands import few_images
from support.tiers import thorough

import jpegcompile
from jpegcompile import ImageDataset
from jpegcompile.data.target import Form
from jpegcompile.digits import images_path, model_path, preprocess_path
from jpegcompile.learning.training import data
from jpegcompile.learning.training.feeds import on_device
from jpegcompile.learning.training.forms import form_of
from jpegcompile.learning.training.networks import Scores
from jpegcompile.preprocessing.reading import preprocess_of

EVERYTHING = "flip,crop=3,cutout=6,brightness=0.3,contrast=0.4,saturation=0.5,hue=0.1"
CPU, GPU = torch.device("cpu"), torch.device("cuda")


def test_the_form_of_a_run() -> None:
    linear = preprocess_of("cifar10")
    assert form_of(linear, GPU, "none") == "packed"
    assert form_of(linear, CPU, "none") == "tensor"
    assert form_of(linear, GPU, "pixels") == "tensor"
    for field in ({"decoder": "libjpeg-turbo"}, {"resize": 40, "views": "five"}):
        assert form_of(preprocess_of(field), GPU, "none") == "tensor"


def test_batches_become_the_same_images() -> None:
    network = Scores(torch.nn.Identity(), 8)
    made = {}
    for form in ("tensor", "coefficients", "packed"):
        given: Any = {"form": form, "augment": EVERYTHING, "seed": 4, "shuffle": True}
        batch = next(
            iter(ImageDataset(images_path(), 32, preprocess="cifar10", size=(32, 32), **given))
        )
        made[form] = network(on_device(batch.inputs, CPU))
    for one in ("coefficients", "packed"):
        torch.testing.assert_close(made[one], made["tensor"], rtol=0, atol=2e-5)
    assert (made["packed"] - made["tensor"].roll(1, 3)).abs().amax((1, 2, 3)).min() > 0.1


def learned(
    form: Form, folder: Path, monkeypatch: pytest.MonkeyPatch, **given: Any
) -> dict[str, Any]:
    """The weights after an epoch. Adam would turn rounding of zero gradients into whole steps."""
    monkeypatch.setattr(data, "form_of", lambda *_: form)
    options: dict[str, Any] = {"augment": EVERYTHING, "seed": 4, "batch": 8, **given}
    jpegcompile.finetune(
        model_path(),
        folder / "images",
        folder / "out.onnx",
        preprocess=preprocess_path(),
        epochs=1,
        device="cpu",
        optimizer="sgd",
        learning_rate=0.01,
        keep="last",
        **options,
    )
    model = onnx.load(folder / "out.onnx")
    return {one.name: numpy_helper.to_array(one) for one in model.graph.initializer}


@thorough
@pytest.mark.parametrize("distill", [False, True])
def test_weights_do_not_depend_on_it(
    distill: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "images").mkdir()
    few_images(tmp_path / "images")
    more: dict[str, Any] = {"distill": "original", "resolution": (24, 24)} if distill else {}
    jpegcompile.build_cache(tmp_path / "images", tmp_path / "c.jpegcache")
    expected = learned("tensor", tmp_path, monkeypatch, **more)
    others = [
        learned("coefficients", tmp_path, monkeypatch, **more),
        learned("packed", tmp_path, monkeypatch, cache=tmp_path / "c.jpegcache", **more),
    ]
    moved = learned("tensor", tmp_path, monkeypatch, **{**more, "augment": f"{EVERYTHING},aligned"})

    def apart(weights: dict[str, Any]) -> float:
        assert weights.keys() == expected.keys()
        parts = [np.abs(values - weights[name]).max() for name, values in expected.items()]
        return float(np.max(parts))  # NaN if one is NaN

    # Masks at zero amplify rounding.
    rounding = max(map(apart, others))
    assert rounding < 1e-3
    assert apart(moved) > 5 * rounding
