"""What `finetune` prints: accuracy before and after, and the course of each epoch."""

from __future__ import annotations

from jpegcompile.commands.console import counted
from jpegcompile.commands.images import left_out_lines
from jpegcompile.results.finetuning import EpochResult, Evaluated, Finetuning
from jpegcompile.results.table import Cell, Page, Table, columns, number, percentage, text


def finetuning_page(result: Finetuning) -> Page:
    """Return accuracy before and after, the epochs, and what was written."""
    parts: list[Table | str] = []
    if result.after is not None:
        parts += [_accuracy(result), ""]
    parts += [_epochs(result), ""]
    parts += _lines(result)
    parts += left_out_lines(result.skipped, {}, result.pixel_fallbacks)
    return Page(tuple(parts))


def epoch_line(epoch: EpochResult, epochs: int) -> str:
    """Return one line about a finished epoch.

    Args:
        epoch: the epoch.
        epochs: number of all epochs.
    """
    parts = [f"epoch {epoch.epoch}/{epochs}: loss {epoch.loss:.4f}"]
    if epoch.validation is not None:
        found = epoch.validation
        parts.append(f"validation loss {found.loss:.4f}")
        for name, share in (("top-1", found.top1), ("agreement", found.agreement)):
            if share is not None:
                parts.append(f"{name} {100 * share:.2f} %")
    parts.append(f"{epoch.images_per_second:.0f} images/s")
    return ", ".join(parts)


def _accuracy(result: Finetuning) -> Table:
    rows = (
        ("original, as it is", result.original),
        ("before learning", result.before),
        (f"after epoch {result.written_epoch}", result.after),
    )
    shown = tuple((text(name), *_cells(found)) for name, found in rows if found is not None)
    headers = ("validation", "images", "loss", "top-1", "top-5", "same as teacher")
    return Table("", columns(*headers, right=(1, 2, 3, 4, 5)), shown)


def _cells(found: Evaluated) -> tuple[Cell, ...]:
    return (
        number(found.images),
        number(found.loss, ".4f"),
        percentage(found.top1),
        percentage(found.top5),
        percentage(found.agreement),
    )


def _epochs(result: Finetuning) -> Table:
    headers = ("epoch", "learning rate", "loss", "validation", "top-1", "s", "images/s")
    rows = tuple(
        (
            number(epoch.epoch),
            number(epoch.learning_rate, ".3g"),
            number(epoch.loss, ".4f"),
            number(None if epoch.validation is None else epoch.validation.loss, ".4f"),
            percentage(None if epoch.validation is None else epoch.validation.top1),
            number(epoch.seconds, ".1f"),
            number(epoch.images_per_second, ".0f"),
        )
        for epoch in result.epochs
    )
    return Table("", columns(*headers, right=tuple(range(7)), units={5: "s"}), rows)


def _lines(result: Finetuning) -> list[str]:
    settings = result.settings
    processes = f" in {result.ranks} processes" if result.ranks > 1 else ""
    teacher = "" if result.teacher is None else f", distilled from {result.teacher}"
    lines = [
        f"{counted(result.training_images, 'training image')}, {settings.optimizer} with learning"
        f" rate {settings.learning_rate:g} ({settings.schedule}), batches of {settings.batch},"
        f" augmentation {settings.augment}{teacher}, on {result.device}{processes}"
    ]
    if result.stopped_early:
        lines.append(
            f"stopped early: no improvement for {counted(settings.patience or 0, 'epoch')}"
        )
    if result.resumed_steps:
        lines.append(f"continued from a checkpoint after {counted(result.resumed_steps, 'step')}")
    compiled = "" if result.compiled is None else f", and {result.compiled}, compiled"
    lines.append(
        f"wrote {result.output}{compiled}, with the weights of epoch {result.written_epoch}"
    )
    return lines
