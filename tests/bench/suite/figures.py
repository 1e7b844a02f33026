"""figures: what was measured, one value a round."""

import statistics
from dataclasses import asdict, dataclass, field


@dataclass
class Figure:
    """runs: one value a round, in the unit; none: it could not be measured here, and the note says why.

    to      the `what` of the figure that it is compared with, of the same rounds
    note    what else has to be said of it
    """

    what: str
    unit: str
    runs: list[float] = field(default_factory=list)
    to: str = ""
    note: str = ""

    @property
    def median(self):
        return statistics.median(self.runs)

    @property
    def least(self):
        return min(self.runs)

    @property
    def greatest(self):
        return max(self.runs)

    def plain(self):
        return {**asdict(self), "runs": [rounded(run) for run in self.runs]}


def ratio(figure, figures):
    """The median of the rounds' ratios to what it is compared with; None without that."""
    for other in figures:
        if figure.runs and other.what == figure.to and other.unit == figure.unit:
            return statistics.median(run / base for run, base in zip(figure.runs, other.runs))
    return None


def rounded(number, digits=4):
    """To so many digits that count."""
    return float(f"{number:.{digits}g}")


def shown(number):
    """For people: three digits that count, thousands apart."""
    number = rounded(number, 3)
    if abs(number) >= 100:
        return f"{number:,.0f}"
    return f"{number:.3g}"
