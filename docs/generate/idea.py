"""Draw `docs/idea.svg`: a JPEG file of the demo as pixels, and as coefficients.

The bytes, pixels, coefficients and scores are real ones. Colors follow the reader's light or dark
theme; the picture has a background of its own, so that it is legible on any page.
"""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import jpegcompile
from jpegcompile.digits import images_path, model_path, preprocess_path

FILE = "8/02.jpg"
WIDTH, HEIGHT = 800, 428
PANEL = 128  # side of the picture of pixels, and of the luma's coefficients
ROWS = (52, 264)  # tops of the panels of the two ways
FILE_X, PANEL_X, NET_X, SCORES_X = 24, 236, 462, 690
_STYLE = """
.card{fill:#fff;stroke:#d0d7de}.ink{fill:#1f2328}.soft{fill:#59636e}
.line{stroke:#818b98;fill:none}.head{fill:#818b98}.paper{fill:#f6f8fa;stroke:#818b98}
.cell{fill:#eef1f4}.plus{fill:#c2410c}.minus{fill:#1d4ed8}.bar{fill:#afb8c1}.best{fill:#1a7f37}
.map{fill:#ddf4ff;stroke:#0969da}.grid{stroke:#0969da;stroke-opacity:.55}
@media (prefers-color-scheme:dark){
.card{fill:#0d1117;stroke:#3d444d}.ink{fill:#f0f6fc}.soft{fill:#9198a1}
.line{stroke:#7d8590}.head{fill:#7d8590}.paper{fill:#151b23;stroke:#7d8590}
.cell{fill:#1c232c}.plus{fill:#fb923c}.minus{fill:#60a5fa}.bar{fill:#656c76}.best{fill:#3fb950}
.map{fill:#0c2d4d;stroke:#4493f8}.grid{stroke:#4493f8}}
text{font-family:-apple-system,"Segoe UI",Helvetica,Arial,sans-serif;font-size:13px}
.mono{font-family:ui-monospace,Menlo,Consolas,monospace;font-size:8.5px}
.title{font-size:15px;font-weight:600}.small{font-size:11.5px}.middle{text-anchor:middle}
""".strip()


def picture() -> str:
    """Return the picture as SVG."""
    path = images_path() / FILE
    pixels = np.asarray(Image.open(path).convert("RGB"))
    usual, compiled = ROWS
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"'
        ' aria-label="Above: file, pixels, network. Below: file, coefficients, compiled network;'
        ' the same scores.">',
        f"<style>{_STYLE}</style>",
        f'<rect class="card" x=".5" y=".5" width="{WIDTH - 1}" height="{HEIGHT - 1}" rx="10"/>',
        _text(24, 33, "The usual way: decode every file to pixels", "ink title"),
        _text(24, 245, "With jpegcompile: the network reads what is in the file", "ink title"),
        f'<path class="line" d="M24 216H{WIDTH - 24}" stroke-dasharray="2 4"/>',
        *_file(usual, path.read_bytes()),
        *_arrow(
            usual, FILE_X + 100, PANEL_X - 12, ("Huffman decode", "inverse DCT", "upsample, color")
        ),
        _pixels(usual, pixels),
        *_arrow(usual, PANEL_X + PANEL + 12, NET_X - 12, ("normalize",)),
        *_network(usual, blocks=False),
        *_file(compiled, path.read_bytes()),
        *_arrow(compiled, FILE_X + 100, PANEL_X - 12, ("Huffman decode",)),
        *_coefficients(compiled, path),
        *_arrow(compiled, PANEL_X + PANEL + 44, NET_X - 12, ()),
        *_network(compiled, blocks=True),
    ]
    scores = _scores(path)
    for top, caption in zip(ROWS, ("scores", "the same scores"), strict=True):
        parts += _arrow(top, SCORES_X - 40, SCORES_X - 10, ())
        parts += _bars(top, scores, caption)
    parts += [
        _text(PANEL_X + PANEL // 2, usual + PANEL + 16, "pixels", "soft small middle"),
        _text(
            PANEL_X + 80, compiled + PANEL + 16, "DCT coefficients: Y, Cb, Cr", "soft small middle"
        ),
        _text(NET_X + 82, usual + PANEL + 16, "network, trained on pixels", "soft small middle"),
        _text(NET_X + 82, compiled + PANEL + 16, "the same network, compiled", "soft small middle"),
        "</svg>\n",
    ]
    return "\n".join(parts)


def _text(x: float, y: float, text: str, style: str) -> str:
    return f'<text class="{style}" x="{x:g}" y="{y:g}">{text}</text>'


def _rectangle(style: str, x: float, y: float, width: float, height: float) -> str:
    place = f'x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}"'
    return f'<rect class="{style}" {place}/>'


def _file(top: int, data: bytes) -> Iterable[str]:
    """A sheet of paper with the first bytes of the file."""
    x, width = FILE_X, 88
    yield (
        f'<path class="paper" d="M{x} {top}h{width - 18}l18 18v{PANEL - 18}h-{width}z"/>'
        f'<path class="line" d="M{x + width - 18} {top}v18h18"/>'
    )
    for line in range(10):
        shown = data[5 * line : 5 * line + 5].hex(" ")
        shown = shown[:11] if line == 0 else shown  # below the folded corner
        yield _text(x + 6, top + 18 + 11 * line, shown, "soft mono")
    yield _text(x + width / 2, top + PANEL + 16, "JPEG file", "soft small middle")


def _arrow(top: int, left: int, right: int, labels: tuple[str, ...]) -> Iterable[str]:
    y = top + PANEL // 2
    yield f'<path class="line" stroke-width="1.6" d="M{left} {y}H{right - 6}"/>'
    yield f'<path class="head" d="M{right} {y}l-9 -5v10z"/>'
    for line, label in enumerate(labels):
        up = y - 10 - 15 * (len(labels) - 1 - line)
        yield _text((left + right) / 2, up, label, "ink small middle")


def _pixels(top: int, pixels: NDArray[np.uint8]) -> str:
    """The pixels in 32 steps a channel, runs of one color at a time."""
    size = PANEL // len(pixels)
    coarse = (pixels.astype(int) + 4) // 8 * 8
    runs: dict[tuple[int, ...], list[str]] = defaultdict(list)
    for y, row in enumerate(coarse.clip(0, 255).tolist()):
        x = 0
        while x < len(row):
            end = x + 1
            while end < len(row) and row[end] == row[x]:
                end += 1
            runs[tuple(row[x])].append(f"M{x} {y}h{end - x}v1h-{end - x}z")
            x = end
    paths = (
        f'<path fill="#{r:02x}{g:02x}{b:02x}" d="{"".join(d)}"/>' for (r, g, b), d in runs.items()
    )
    move = f'transform="translate({PANEL_X} {top}) scale({size})" shape-rendering="crispEdges"'
    return f"<g {move}>{''.join(paths)}</g>"


def _coefficients(top: int, path: Path) -> Iterable[str]:
    """The blocks of Y, Cb and Cr: orange above zero, blue below, stronger for larger ones."""
    planes = jpegcompile.read_coefficients(path).planes
    places = (
        (PANEL_X, top, 4.0),
        (PANEL_X + PANEL + 4, top, 1.75),
        (PANEL_X + PANEL + 4, top + 32, 1.75),
    )
    for plane, (left, up, size) in zip(planes, places, strict=True):
        side = 8 * size
        for row, column in np.ndindex(plane.shape[:2]):
            x, y = left + column * side, up + row * side
            yield _rectangle("cell", x, y, side - 1, side - 1)
            yield from _block(plane[row, column], x, y, (side - 1) / 8)


def _block(block: NDArray[np.int16], x: float, y: float, size: float) -> Iterable[str]:
    marks: dict[tuple[str, float], list[str]] = defaultdict(list)
    for v, u in np.argwhere(block):
        value = int(block[v, u])
        strength = min(1.0, 0.35 + 0.13 * np.log2(abs(value)))
        look = ("plus" if value > 0 else "minus", round(float(strength), 1))
        marks[look].append(f"M{u} {v}h1v1h-1z")
    for (style, strength), squares in sorted(marks.items()):
        move = f'transform="translate({x:g} {y:g}) scale({size:g})"'
        yield f'<path class="{style}" fill-opacity="{strength:g}" {move} d="{"".join(squares)}"/>'


def _network(top: int, blocks: bool) -> Iterable[str]:
    """Feature maps that become smaller and deeper; in the JPEG domain they are maps of blocks."""
    x = float(NET_X)
    for side, depth, count in ((84, 2, 2), (56, 3, 2), (32, 4, 2)):
        for _ in range(count):
            y = top + (PANEL - side) / 2
            for layer in reversed(range(depth)):
                yield _rectangle("map", x + 4 * layer, y - 4 * layer, side * 0.28, side)
            if blocks:
                width = side * 0.28
                lines = "".join(f"M{x:g} {y + side * i / 4:g}h{width:g}" for i in (1, 2, 3))
                lines += f"M{x + width / 2:g} {y:g}v{side}"
                yield f'<path class="grid" d="{lines}" fill="none"/>'
            x += side * 0.28 + 4 * depth + 3


def _scores(path: Path) -> NDArray[np.float32]:
    """The scores of the compiled demo network for the file."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "digits.jpeg.onnx"
        jpegcompile.compile(model_path(), preprocess=preprocess_path()).save(target)
        scores: NDArray[np.float32] = jpegcompile.load(target).run([path])[0][0]
    return scores


def _bars(top: int, scores: NDArray[np.float32], caption: str) -> Iterable[str]:
    """A bar for the score of each digit, in whole pixels."""
    low, high = float(scores.min()), float(scores.max())
    for digit, score in enumerate(scores.tolist()):
        height = 3 + round(77 * (score - low) / (high - low))
        x, bottom = SCORES_X + 9 * digit, top + PANEL - 22
        style = "best" if score == high else "bar"
        yield _rectangle(style, x, bottom - height, 7, height)
        yield _text(
            x + 3.5, bottom + 12, str(digit), f"{'ink' if score == high else 'soft'} small middle"
        )
    yield _text(SCORES_X + 44, top + PANEL + 16, caption, "soft small middle")
