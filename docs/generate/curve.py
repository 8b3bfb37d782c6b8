"""Draw `docs/learning_curve.svg`: the loss of a network that learns in both domains.

The losses are those of `docs/results/learning_curve.json`, a record of
`tests/benchmarks/learning_curve.py`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

RECORD = Path(__file__).resolve().parent.parent / "results" / "learning_curve.json"
WIDTH, HEIGHT = 640, 320
LEFT, TOP, RIGHT, BOTTOM = 56, 44, 20, 44
_TICKS = (1, 2, 5)
_STYLE = """
.card{fill:#fff;stroke:#d0d7de}.ink{fill:#1f2328}.soft{fill:#59636e}.grid{stroke:#e6e9ed}
.spatial{stroke:#c2410c;stroke-width:5;stroke-opacity:.35}.jpeg{stroke:#0969da;stroke-width:1.6}
@media (prefers-color-scheme:dark){
.card{fill:#0d1117;stroke:#3d444d}.ink{fill:#f0f6fc}.soft{fill:#9198a1}.grid{stroke:#262c36}
.spatial{stroke:#fb923c}.jpeg{stroke:#4493f8}}
text{font-family:-apple-system,"Segoe UI",Helvetica,Arial,sans-serif;font-size:12px}
.title{font-size:14px;font-weight:600}.middle{text-anchor:middle}.end{text-anchor:end}
polyline{fill:none;stroke-linejoin:round}
""".strip()


class Point(NamedTuple):
    """The losses after some steps."""

    step: int
    jpeg: float
    spatial: float


def picture() -> str:
    """Return the picture as SVG."""
    record = json.loads(RECORD.read_text(encoding="utf-8"))
    points = [Point(r["step"], r["loss/jpeg"], r["loss/spatial"]) for r in record["rows"]]
    settings = record["settings"]
    title = (
        f"ResNet-8 from scratch: {settings['epochs']} epochs, batch {settings['batch']},"
        f" learning rate {settings['lr']:g}"
    )
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"'
        ' aria-label="Training loss by step, in the JPEG domain and on pixels.">',
        f"<style>{_STYLE}</style>",
        f'<rect class="card" x=".5" y=".5" width="{WIDTH - 1}" height="{HEIGHT - 1}" rx="10"/>',
        _text(LEFT, 27, title, "ink title"),
        *_axes(points),
        _line(points, [p.spatial for p in points], "spatial"),
        _line(points, [p.jpeg for p in points], "jpeg"),
        *_legend(),
        "</svg>\n",
    ]
    return "\n".join(parts)


def _axes(points: Sequence[Point]) -> Iterator[str]:
    for value in _ticks(_highest(points)):
        y = _y(points, value)
        yield f'<path class="grid" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>'
        yield _text(LEFT - 8, y + 4, f"{value:g}", "soft end")
    for step in _ticks(points[-1].step):
        yield _text(_x(points, step), HEIGHT - BOTTOM + 18, f"{step:g}", "soft middle")
    yield _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, "step", "soft middle")


def _legend() -> Iterator[str]:
    names = (("spatial", "spatial twin, on pixels"), ("jpeg", "JPEG domain, on coefficients"))
    for row, (kind, name) in enumerate(names):
        x, y = WIDTH - RIGHT - 200, TOP + 16 + 20 * row
        yield f'<polyline class="{kind}" points="{x},{y - 4} {x + 24},{y - 4}"/>'
        yield _text(x + 32, y, name, "ink")


def _line(points: Sequence[Point], losses: Sequence[float], kind: str) -> str:
    pairs = zip(points, losses, strict=True)
    where = " ".join(f"{_x(points, p.step):.1f},{_y(points, loss):.1f}" for p, loss in pairs)
    return f'<polyline class="{kind}" points="{where}"/>'


def _x(points: Sequence[Point], step: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * step / points[-1].step


def _y(points: Sequence[Point], loss: float) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * loss / _highest(points)


def _highest(points: Sequence[Point]) -> float:
    return max(max(p.jpeg, p.spatial) for p in points)


def _ticks(most: float) -> list[float]:
    """Return about five round numbers from 0 to `most`."""
    steps = (base * 10.0**power for power in range(-3, 6) for base in _TICKS)
    step = next(s for s in steps if most / s <= 6)
    return [index * step for index in range(int(most / step) + 1)]


def _text(x: float, y: float, text: str, kind: str) -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}">{text}</text>'
