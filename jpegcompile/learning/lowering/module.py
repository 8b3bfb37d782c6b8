"""The module that a lowering returns."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from torch import Tensor, nn

from jpegcompile.dct.frequencies import ALL
from jpegcompile.errors import UsageError
from jpegcompile.frequency_plan import NodeFrequencies
from jpegcompile.learning.lowering.options import Decisions, LoweringOptions
from jpegcompile.learning.lowering.report import LoweringReport
from jpegcompile.learning.lowering.slots import Slot, decided
from jpegcompile.learning.lowering.twins import masked_form
from jpegcompile.learning.lowering.whole import WholeModule, put
from jpegcompile.learning.modules.casts import Truncate
from jpegcompile.learning.modules.domain import Masking
from jpegcompile.messages import Message


class Entry(nn.Module):
    """Checks the image that a lowered module is called with, since its graph is for one size."""

    def __init__(self, size: tuple[int, ...], training: bool | None = None) -> None:
        """Create the check.

        Args:
            size: shape of the image without the batch.
            training: the only mode that the graph is for; None for both.
        """
        super().__init__()
        self.size, self.mode = size, training

    def forward(self, image: Tensor) -> Tensor:
        """Return the image.

        Raises:
            UsageError: if it has another size, or the module is in the other mode.
        """
        if tuple(image.shape[1:]) != self.size:
            raise UsageError(
                Message(
                    "learning-image-size",
                    f"the image has the shape {_times(image.shape[1:])}, but the module was lowered"
                    f" for {_times(self.size)}; lower it again for the other size",
                )
            )
        self.check_mode(self.training)
        return image

    def check_mode(self, training: bool) -> None:
        """Check a mode.

        Raises:
            UsageError: if the graph is for the other mode.
        """
        if self.mode is not None and self.mode != training:
            modes = ("evaluation", "training")
            raise UsageError(
                Message(
                    "learning-other-mode",
                    f"the module was traced for {modes[self.mode]} and its forward differs in"
                    f" {modes[training]}; convert it again in that mode",
                )
            )


class JpegModule(WholeModule):
    """A network in the JPEG domain, which shares parameters and buffers with the spatial network.

    Attributes:
        options: the options of the lowering.
        report: the domain of each node.
        input_block: block size of the image map; 1 if the module takes pixels.
        image_shape: shape [C, H, W] of the image.
        decisions: frequencies by name, in place of those of the options; or None.
        slots: calls whose frequencies can be set.
        source: the ONNX model that the network comes from; None if it comes from PyTorch.
        ends_in_softmax: whether the outputs of a network from ONNX are probabilities.
    """

    options: LoweringOptions
    report: LoweringReport
    input_block: int
    image_shape: tuple[int, ...]
    slots: tuple[Slot, ...]
    source: Any
    ends_in_softmax: bool
    decisions: dict[str, NodeFrequencies] | None
    kept_attributes = (
        *WholeModule.kept_attributes,
        "options",
        "report",
        "input_block",
        "image_shape",
        "slots",
        "source",
        "ends_in_softmax",
        "decisions",
    )

    def set_frequencies(
        self,
        frequencies: int = ALL,
        *,
        masking: Masking = "asm",
        truncate: int = ALL,
        decisions: Decisions | None = None,
    ) -> None:
        """Set the frequencies of all piecewise linear functions, in place.

        Args:
            frequencies: number of mask frequencies, 1 to 15.
            masking: "asm" or "apx".
            truncate: number of kept frequencies of the results, 1 to 15.
            decisions: frequencies by name, in place of the two numbers. Calls that are not named
                become exact.

        Raises:
            UsageError: if there is no such number or masking.
        """
        self.options = replace(
            self.options, frequencies=frequencies, masking=masking, truncate=truncate
        )
        self.decisions = None if decisions is None else dict(decisions)
        for slot in self.slots:
            count = decided(slot.names, decisions, self.options.default)
            before = self.get_submodule(slot.mask)
            put(self, slot.mask, masked_form(before, count.mask, masking, slot.domain))
            put(self, slot.truncate, Truncate(count.keep, slot.domain))


def _times(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
