"""What a benchmark has found: tables to read, and the numbers that were to be reached."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Cell = str | float | None


@dataclass(frozen=True)
class Table:
    """`rows` have a cell for each of `columns`; None stands for what was not measured."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """The table as text: the first column to the left, numbers to the right."""
        grid = [list(self.columns), *([_text(cell) for cell in row] for row in self.rows)]
        lines = _aligned(grid)
        lines.insert(1, "─" * len(max(lines, key=len)))
        return [self.title, "", *lines, *(f"  {note}" for note in self.notes)]


@dataclass(frozen=True)
class Target:
    """A number that was to be at most, or at least, so much. `timed` ones depend on the machine and
    on what else it does, so no test may insist on them.
    """

    what: str
    measured: float
    most: float | None = None
    timed: bool = True
    least: float | None = None

    @property
    def met(self) -> bool:
        above = self.least is None or self.measured >= self.least
        return above and (self.most is None or self.measured <= self.most)


@dataclass(frozen=True)
class Result:
    tables: tuple[Table, ...]
    targets: tuple[Target, ...]


def verdicts(targets: Iterable[Target]) -> Table:
    """The targets as a table of their own."""
    rows = [
        (target.what, target.measured, target.least, target.most, "yes" if target.met else "NO")
        for target in targets
    ]
    columns = ("", "measured", "at least", "at most", "reached")
    return Table("Numbers to reach", columns, tuple(rows))


def _text(cell: Cell) -> str:
    match cell:
        case None:
            return "–"
        case float():
            return _number(cell)
        case int():
            return f"{cell:,}"
    return cell


def _number(value: float) -> str:
    """With as many digits as tell something: three, and no more than three behind the point."""
    places = next((n for n in (3, 2, 1) if abs(value) < 10 ** (3 - n)), 0)
    text = f"{value:,.{places}f}"
    return text.rstrip("0").rstrip(".") if places else text


def _aligned(grid: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*grid, strict=True)]
    return [
        "  ".join(
            text.rjust(width) if place else text.ljust(width)
            for place, (text, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in grid
    ]
