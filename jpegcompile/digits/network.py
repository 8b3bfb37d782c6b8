"""The demo's network, a small ResNet in the style of CIFAR-10, and its training."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn

from jpegcompile.digits.digits import CLASS_COUNT, LabelledJpeg, decode_jpeg

STAGE_CHANNELS: Final = (16, 32, 64)
PIXEL_SCALE: Final = 1 / 255
PIXEL_MEAN: Final = 0.5
PIXEL_DEVIATION: Final = 0.25
BATCH_SIZE: Final = 64
PEAK_LEARNING_RATE: Final = 0.01


class BasicBlock(nn.Module):
    """Two 3x3 convolutions with a shortcut (He et al. 2016, figure 2)."""

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        """Create a block that divides height and width by `stride`."""
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(out_channels)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(out_channels)
        self.relu2 = nn.ReLU()
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            projection = nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)
            self.shortcut = nn.Sequential(projection, nn.BatchNorm2d(out_channels))

    def forward(self, value: Tensor) -> Tensor:
        """Map [N, in_channels, H, W] to [N, out_channels, H / stride, W / stride]."""
        inner: Tensor = self.relu1(self.norm1(self.conv1(value)))
        inner = self.norm2(self.conv2(inner))
        result: Tensor = self.relu2(inner + self.shortcut(value))
        return result


class DigitsResNet(nn.Sequential):
    """A 3x3 stem, one basic block per stage, global average pooling and a linear head."""

    def __init__(self) -> None:
        """Create the network with random weights, from [N, 3, 32, 32] to [N, 10]."""
        first, second, third = STAGE_CHANNELS
        super().__init__(
            OrderedDict[str, nn.Module](
                stem=nn.Conv2d(3, first, 3, padding=1, bias=False),
                norm=nn.BatchNorm2d(first),
                relu=nn.ReLU(),
                stage1=BasicBlock(first, first, stride=1),
                stage2=BasicBlock(first, second, stride=2),
                stage3=BasicBlock(second, third, stride=2),
                pool=nn.AdaptiveAvgPool2d(1),
                flatten=nn.Flatten(),
                head=nn.Linear(third, CLASS_COUNT),
            )
        )


def to_tensors(images: Sequence[LabelledJpeg]) -> tuple[Tensor, Tensor]:
    """Return normalized pixels float32 [N, 3, 32, 32] and digits int64 [N]."""
    pixels = torch.from_numpy(np.stack([decode_jpeg(image.data) for image in images]))
    planes = pixels.permute(0, 3, 1, 2).contiguous().to(torch.float32)
    digits = torch.tensor([image.digit for image in images])
    return (planes * PIXEL_SCALE - PIXEL_MEAN) / PIXEL_DEVIATION, digits


def fit(images: Sequence[LabelledJpeg], epochs: int, seed: int) -> DigitsResNet:
    """Train on the decoded images and return the network in inference mode.

    The function prints the mean loss of each epoch. On one machine, equal arguments give equal
    weights.

    Args:
        images: training images.
        epochs: number of passes over the images.
        seed: seed of the weights and of the order of images.
    """
    # The number of threads changes the order of sums, so it must be fixed.
    torch.set_num_threads(2)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(seed)
    planes, digits = to_tensors(images)
    network = DigitsResNet()
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=0.01)
    batch_count = len(images) // BATCH_SIZE
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, PEAK_LEARNING_RATE, epochs * batch_count
    )
    for epoch in range(epochs):
        network.train()
        losses = []
        # A smaller last batch would disturb the running statistics of BatchNorm, so it is skipped.
        for batch in torch.split(torch.randperm(len(images)), BATCH_SIZE)[:batch_count]:
            loss = nn.functional.cross_entropy(network(planes[batch]), digits[batch])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
        print(f"epoch {epoch + 1}/{epochs}: loss {np.mean(losses):.4f}", flush=True)
    return network.eval()


def accuracy(network: nn.Module, images: Sequence[LabelledJpeg]) -> float:
    """Return the fraction of the images, 0 to 1, whose largest logit belongs to their digit."""
    planes, digits = to_tensors(images)
    with torch.no_grad():
        guesses = torch.cat([network(part) for part in torch.split(planes, 256)]).argmax(dim=1)
    return float((guesses == digits).float().mean())
