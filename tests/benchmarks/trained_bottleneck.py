"""Train a small bottleneck ResNet on JPEG files of 32x32, for benchmarks of 1x1 convolutions.

    python tests/benchmarks/trained_bottleneck.py IMAGES.zip -o MODEL.onnx [--epochs N]

IMAGES.zip contains a folder of JPEG files for each class. The preprocessing is the preset
`cifar10`. A few minutes on two cores reach an accuracy of about two thirds on CIFAR-10. This is
enough training for truncation to cost a realistic amount of accuracy.
"""

from __future__ import annotations

import argparse
import io
import sys
import zipfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
import torch
from PIL import Image
from support.exports import export
from support.torch_zoo import Design, build
from torch import Tensor, nn
from torch.nn import functional

from jpegcompile.preprocessing.reading import preprocess_of

SIZE, BATCH = 32, 128
DESIGN = Design(
    block="bottleneck", depths=(2, 2, 2), widths=(32, 64, 128), stem="cifar", classes=10
)


def read_images(archive: Path) -> tuple[Tensor, Tensor]:
    """Return normalized images [N, 3, 32, 32] and classes [N]; folder names in sorted order."""
    normalization = preprocess_of("cifar10")
    mean, std = (
        np.reshape(values, (3, 1, 1)) for values in (normalization.mean, normalization.std)
    )
    pixels, labels = [], []
    with zipfile.ZipFile(archive) as files:
        names = sorted(name for name in files.namelist() if name.endswith(".jpg"))
        classes = sorted({name.split("/")[-2] for name in names})
        for name in names:
            image = Image.open(io.BytesIO(files.read(name))).convert("RGB")
            pixels.append(np.asarray(image, np.float32).transpose(2, 0, 1) * normalization.scale)
            labels.append(classes.index(name.split("/")[-2]))
    normalized = (np.stack(pixels) - mean) / std
    return torch.from_numpy(normalized.astype(np.float32)), torch.tensor(labels)


def augmented(images: Tensor, generator: torch.Generator) -> Tensor:
    """Return the images with half of them mirrored and all of them moved by up to two pixels."""
    mirrored = torch.rand(len(images), generator=generator) < 0.5
    images = torch.where(mirrored[:, None, None, None], images.flip(3), images)
    rows, columns = torch.randint(0, 5, (2,), generator=generator).tolist()
    padded = functional.pad(images, (2, 2, 2, 2))
    return padded[:, :, rows : rows + SIZE, columns : columns + SIZE]


def network() -> nn.Module:
    """Return the untrained network; its stages have maps of 16x16, 8x8 and 4x4."""
    model: nn.Module = build(DESIGN, SIZE)
    next(m for m in model.modules() if isinstance(m, nn.Conv2d)).stride = (2, 2)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 0.1
    # PyTorch's type stubs do not declare the memory format of a module.
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return model


def train(images: Tensor, labels: Tensor, epochs: int) -> nn.Module:
    """Train the network by stochastic gradient descent and return it in inference mode."""
    model = network()
    generator = torch.Generator().manual_seed(0)
    optimizer = torch.optim.SGD(
        model.parameters(), 0.05, momentum=0.9, nesterov=True, weight_decay=5e-4
    )
    steps = len(images) // BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=epochs * steps)
    model.train()
    for epoch in range(epochs):
        order = torch.randperm(len(images), generator=generator)
        total = 0.0
        for step in range(steps):
            chosen = order[step * BATCH : (step + 1) * BATCH]
            batch = augmented(images[chosen], generator)
            scores = model(batch.contiguous(memory_format=torch.channels_last))
            loss = functional.cross_entropy(scores, labels[chosen], label_smoothing=0.1)
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
            schedule.step()
            total += float(loss.detach())
        print(f"epoch {epoch + 1} of {epochs}: loss {total / steps:.3f}", flush=True)
    return model.eval()


def main() -> None:
    """Train and write the network."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("images", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=6)
    arguments = parser.parse_args()
    model = train(*read_images(arguments.images), arguments.epochs)
    export(model, SIZE, arguments.output, "torchscript")


if __name__ == "__main__":
    main()
