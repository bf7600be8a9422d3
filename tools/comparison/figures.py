"""Medians and how they are written."""

import dataclasses
import math
import statistics

from .bench import faults_of, others_of, value_of


@dataclasses.dataclass
class Cell:
    """One measure of one contender over all rounds."""

    values: list = dataclasses.field(default_factory=list)
    faults: list = dataclasses.field(default_factory=list)  # of the runs that do not count
    runs: int = 0
    others: list = dataclasses.field(default_factory=list)

    def median(self):
        return statistics.median(self.values) if self.values else None


def cell_of(case, measure, runs):
    """A run with faults does not count for the median; its faults are told."""
    cell = Cell(runs=len(runs))
    for run in runs:
        result = run["result"]
        if result is not None:
            cell.others.append(others_of(result, measure))
        faults = faults_of(case, result, run["failure"])
        value = value_of(measure, result) if result is not None else None
        if not faults and value is None:
            faults = ["no figure"]
        if faults:
            cell.faults.append(", ".join(faults))
        else:
            cell.values.append(value)
    return cell


def number(value):
    """Three digits: 1.23 M, 45.6 k, 812, 0.52."""
    for size, letter in ((1e6, " M"), (1e3, " k"), (1, "")):
        if value >= size * 0.9995:
            digits = max(0, 2 - int(math.log10(value / size * 1.0005)))
            return f"{value / size:.{digits}f}{letter}"
    return f"{value:.2g}"


def text_of(cell):
    if not cell.runs:
        return "-"
    parts = []
    if cell.values:
        text = number(cell.median())
        if len(cell.values) > 1:
            text += f" ({number(min(cell.values))}..{number(max(cell.values))})"
        parts.append(text)
    for fault in dict.fromkeys(cell.faults):
        parts.append(f"**{cell.faults.count(fault)} of {cell.runs}: {fault}**")
    return "; ".join(parts)


def ratio(reference, other):
    """Reference through other, or None where one has no median."""
    above, below = reference.median(), other.median()
    return above / below if above is not None and below else None


def ratio_text(value):
    return "-" if value is None else f"{value:.2f}"


def geometric_mean(values):
    return math.exp(statistics.fmean(map(math.log, values)))


def others_text(cells):
    """Median and largest share of a core that others used, over all runs of a row."""
    shares = [each for cell in cells for each in cell.others]
    if not shares:
        return "-"
    return f"{statistics.median(shares):.0f} % ({max(shares):.0f} %)"
