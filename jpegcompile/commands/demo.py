"""The verb `demo`: compile, run and check a small network that comes with jpegcompile."""

from __future__ import annotations

from pathlib import Path

from jpegcompile.commands.compare_page import show_comparison
from jpegcompile.commands.console import console, progress_bar
from jpegcompile.commands.json_output import print_json
from jpegcompile.commands.options import verb_command
from jpegcompile.digits.tour import Demo
from jpegcompile.digits.tour import demo as take_tour


@verb_command("demo")
def demo(json: bool) -> None:
    """Run the demo and show the result."""
    with progress_bar("demo") as progress:
        result = take_tour(progress=progress)
    if json:
        print_json(result.to_json())
    else:
        show_demo(result)


def show_demo(result: Demo) -> None:
    """Print what was compiled, a few predictions, and accuracy before and after."""
    out = console()
    out.print(
        "a residual network for colored digits, trained on pixels:"
        f" {result.lowered} nodes lowered to the JPEG domain, {result.kept} kept spatial"
    )
    out.print("run on the DCT coefficients of JPEG files, which are not decoded to pixels:")
    for prediction in result.predictions:
        path = Path(prediction.file)
        name, digit, score = path.name, prediction.classes[0], prediction.scores[0]
        out.print(f"  {path.parent.name}/{name} is a {digit} (score {score:.2f})", markup=False)
    output = result.verification.outputs[0]
    out.print(
        f"largest difference of any score from the original's: {output.conversion:.1e}"
        f" (scores up to {output.largest:.0f})"
    )
    out.print()
    show_comparison(result.comparison, most_changes=5)
