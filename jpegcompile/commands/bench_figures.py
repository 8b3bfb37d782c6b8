"""Times and sizes as the tables of `bench` show them."""

from __future__ import annotations


def milliseconds(seconds: float) -> str:
    """Three significant digits, or all before the point."""
    value = 1e3 * seconds
    digits = 0 if value >= 100 else 1 if value >= 10 else 2 if value >= 1 else 3
    return f"{value:.{digits}f} ms"


def megabytes(size: int | None) -> str:
    """Whole ones; a dash where the system does not tell."""
    return "-" if size is None else f"{size / 1e6:.0f} MB"
