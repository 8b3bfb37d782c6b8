"""A data set of JPEG files in several forms, each of which makes the same batches of tensors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

import jpegcompile
from jpegcompile.data.target import Target, target_of
from jpegcompile.dct.ingest import IngestOperators, ingest_operators
from jpegcompile.jpeg.coefficients import Coefficients
from jpegcompile.jpeg.frame import Frame
from jpegcompile.jpeg.read import read_coefficients_many

MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
_RESIZED = {"resize": 256, "crop": "center"}
_NUMBERS = {"scale": 1 / 255, "mean": MEAN.tolist(), "std": STD.tolist()}

Epoch = Callable[[], Iterator[Any]]


@dataclass
class DataForms:
    """One data set.

    Attributes:
        files: JPEG files.
        size: height and width of the network's input.
        is_resized: whether the images are resized to it, as for ImageNet.
        batch: images in a batch.
        folder: where the forms are stored.
    """

    files: list[Path]
    size: tuple[int, int]
    is_resized: bool
    batch: int
    folder: Path

    def store(self) -> None:
        """Write the cache and the arrays."""
        jpegcompile.build_cache(self.files, self.cache)
        images = read_coefficients_many(self.files)
        blocks = [plane.reshape(-1) for image in images for plane in image.planes]
        np.concatenate(blocks).tofile(self.folder / "int16")
        pixels = np.stack([self._by_pillow(file) for file in self.files])
        pixels.tofile(self.folder / "uint8")
        self._normalized(torch.from_numpy(pixels)).numpy().tofile(self.folder / "float32")

    @property
    def cache(self) -> Path:
        return self.folder / "forms.jpegcache"

    @property
    def preprocess(self) -> dict[str, Any]:
        """Preprocessing of every form."""
        return {**_NUMBERS, **(_RESIZED if self.is_resized else {})}

    def bytes_of_forms(self) -> dict[str, float]:
        """Mean bytes of an image in each form; pixels have the network's size."""
        count = len(self.files)
        cache = jpegcompile.CoefficientCache(self.cache)
        sizes = {
            name: (self.folder / name).stat().st_size for name in ("int16", "uint8", "float32")
        }
        return {
            "file": cache.source_bytes / count,
            "packed": cache.packed_bytes / count,
            "packed, with the index": cache.file_bytes / count,
            **{name: size / count for name, size in sizes.items()},
        }

    def to_tensors(self) -> Mapping[str, Epoch]:
        """Epochs of batches of normalized float32 pixels, by the name of the form."""
        pixels: dict[str, Any] = {"preprocess": self.preprocess, "size": self.size}
        return {
            "files, Pillow": self._pillow,
            "files": self._epoch(self.files, **pixels),
            "cache, packed": self._epoch(self.cache, **pixels),
            "int16": self._from_int16,
            "uint8": self._from_uint8,
            "float32": self._from_float32,
        }

    def to_blocks(self) -> Mapping[str, Epoch]:
        """Epochs of batches of int16 coefficients, padded to the largest image, by form."""

        def unpacked(images: Any) -> Epoch:
            epoch = self._epoch(images, form="packed")
            return lambda: (jpegcompile.unpack_batch(batch, threads=1) for batch in epoch())

        return {
            "files": unpacked(self.files),
            "cache, packed": unpacked(self.cache),
            "int16": self._blocks_from_int16,
        }

    def _epoch(self, images: Any, **options: Any) -> Epoch:
        """Epochs of one data set; opening it does not count."""
        data = jpegcompile.ImageDataset(images, self.batch, threads=1, ahead=1, **options)
        return lambda: (batch.inputs for batch in data)

    def _by_pillow(self, file: Path) -> NDArray[np.uint8]:
        image = Image.open(file).convert("RGB")
        if self.is_resized:
            short = min(image.size)
            width, height = (int(256 * side / short) for side in image.size)
            image = image.resize((width, height), Image.Resampling.BILINEAR)
            left, top = round((width - self.size[1]) / 2), round((height - self.size[0]) / 2)
            image = image.crop((left, top, left + self.size[1], top + self.size[0]))
        return np.ascontiguousarray(np.asarray(image).transpose(2, 0, 1))

    def _normalized(self, pixels: Tensor) -> Tensor:
        scale = torch.tensor(1 / (255 * STD), dtype=torch.float32)[:, None, None]
        shift = torch.tensor(-MEAN / STD, dtype=torch.float32)[:, None, None]
        return torch.addcmul(shift, pixels.float(), scale)

    def _starts(self) -> Iterator[slice]:
        return (slice(i, i + self.batch) for i in range(0, len(self.files), self.batch))

    def _pillow(self) -> Iterator[Tensor]:
        for some in self._starts():
            pixels = np.stack([self._by_pillow(file) for file in self.files[some]])
            yield self._normalized(torch.from_numpy(pixels))

    def _mapped(self, name: str, dtype: str) -> NDArray[Any]:
        shape = (len(self.files), 3, *self.size)
        # Copy on write, since PyTorch has no read-only tensors.
        return np.memmap(self.folder / name, dtype, "c", shape=shape)

    def _from_uint8(self) -> Iterator[Tensor]:
        pixels = self._mapped("uint8", "uint8")
        return (self._normalized(torch.from_numpy(pixels[some])) for some in self._starts())

    def _from_float32(self) -> Iterator[Tensor]:
        values = self._mapped("float32", "float32")
        return (torch.from_numpy(values[some]).clone() for some in self._starts())

    @cached_property
    def _images(self) -> list[Coefficients]:
        """Frames, tables, and planes that are views of the file of all blocks."""
        blocks = np.memmap(self.folder / "int16", np.int16, "c")
        images, at = [], 0
        for image in read_coefficients_many(self.files):
            planes = []
            for plane in image.planes:
                planes.append(blocks[at : at + plane.size].reshape(plane.shape))
                at += plane.size
            images.append(
                Coefficients(tuple(planes), image.quantization, image.frame, image.progressive)
            )
        return images

    @cached_property
    def _operators(self) -> dict[Frame, tuple[IngestOperators, list[tuple[Tensor, Tensor]]]]:
        target = target_of(None, "pixels", self.preprocess, self.size, None)
        assert isinstance(target, Target)
        made = {}
        for frame in {image.frame for image in self._images}:
            found = ingest_operators(frame, target.taken, 1)
            assert not found.is_transposed
            sides = [
                (torch.from_numpy(r.dense()).float(), torch.from_numpy(c.dense().T).float())
                for r, c in zip(found.rows, found.columns, strict=True)
            ]
            made[frame] = (found, sides)
        return made

    def _from_int16(self) -> Iterator[Tensor]:
        """With matrices, as docs/data.md says; images of one frame together."""
        for some in self._starts():
            images = self._images[some]
            if len({image.frame for image in images}) == 1:
                yield self._ingested(images)
            else:
                yield torch.cat([self._ingested([image]) for image in images])

    def _ingested(self, images: list[Coefficients]) -> Tensor:
        operators, sides = self._operators[images[0].frame]
        tables = torch.from_numpy(np.stack([image.quantization for image in images])).float()
        planes = []
        for index, (rows, columns) in enumerate(sides):
            blocks = torch.from_numpy(np.stack([image.planes[index] for image in images]))
            values = blocks * tables[:, None, None, index]
            count, height, width = values.shape[:3]
            plane = values.transpose(2, 3).reshape(count, 8 * height, 8 * width)
            planes.append(rows @ plane @ columns)
        mixing = torch.from_numpy(operators.mixing).float()
        offset = torch.from_numpy(operators.offset).float()[:, None, None]
        return torch.einsum("kc,bchw->bkhw", mixing, torch.stack(planes, 1)) + offset

    def _blocks_from_int16(self) -> Iterator[dict[str, Tensor]]:
        for some in self._starts():
            images = self._images[some]
            made = {}
            for name, of in (("luma", slice(0, 1)), ("chroma", slice(1, 3))):
                shapes = [image.planes[of][0].shape for image in images if image.planes[of]]
                rows, columns = np.max(shapes, axis=0)[:2]
                count = of.stop - of.start
                out = np.zeros((len(images), count, rows, columns, 8, 8), np.int16)
                for own, image in zip(out, images, strict=True):
                    for to, plane in zip(own, image.planes[of], strict=False):
                        to[: plane.shape[0], : plane.shape[1]] = plane
                made[name] = torch.from_numpy(out)
            yield made
