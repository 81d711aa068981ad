"""Figures for page and print. Colours are those of Okabe and Ito (2008), which people with any colour vision can tell
apart; every series has a marker, a place or a label of its own besides."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from study.analysis.choices import PairResult
from study.analysis.ratings import RatingResult
from study.report.numbers import interval, number, percent
from study.statistics.resampling import Interval
from study.statistics.summaries import Reached

Theme = Literal["light", "dark", "print", "light-narrow", "dark-narrow"]  # narrow: for phones
PAGE_THEMES: tuple[Theme, ...] = ("light", "dark", "light-narrow", "dark-narrow")
BLUE, VERMILION = "#0072B2", "#D55E00"
_LIGHT_BLUE, _LIGHT_VERMILION = "#56B4E9", "#E69F00"  # on a dark ground
_PRINT_DPI = 200
_TICKS = ((1, 3), (1, 2, 3, 5), (1, 2, 3, 4, 5, 6, 7, 8, 9))  # of each power of ten, finer where few are in sight


@dataclass(frozen=True)
class Drawing:
    """A figure to be, with its caption and its words for who does not see it."""

    name: str
    caption: str
    alt: str
    figure: Figure


@dataclass(frozen=True)
class _Ink:
    ground: str
    text: str
    line: str
    mark: str
    other: str
    inches: float = 6.4  # of the figure's width


_LIGHT = _Ink("#fffdf8", "#2a211c", "#b9a88e", BLUE, VERMILION)
_DARK = _Ink("#221c18", "#f0e7da", "#6b5d50", _LIGHT_BLUE, _LIGHT_VERMILION)
_INKS: dict[Theme, _Ink] = {
    "light": _LIGHT,
    "dark": _DARK,
    "print": _Ink("#ffffff", "#000000", "#999999", BLUE, VERMILION),
    "light-narrow": replace(_LIGHT, inches=3.7),
    "dark-narrow": replace(_DARK, inches=3.7),
}


def strengths(result: PairResult, names: Sequence[str], title: str, theme: Theme) -> Drawing:
    """Strengths of conditions with their intervals, the strongest on top.

    Args:
        names: Of the conditions, as readers may know them.
    """
    ink = _INKS[theme]
    order = sorted(range(len(result.strengths)), key=lambda place: result.strengths[place].estimate)
    figure, axes = _figure(0.42 * len(order) + 1.1, ink)
    _dots(axes, [result.strengths[place] for place in order], [names[place] for place in order], ink)
    axes.axvline(0, color=ink.line, linewidth=1, zorder=0)
    axes.set_xlabel("strength in logits, mean 0 (line: interval)")
    said = "; ".join(f"{names[place]} {interval(result.strengths[place])}" for place in reversed(order))
    alt = f"Dots with intervals, from the strongest to the weakest: {said}."
    return Drawing(f"strengths-{_plain(result.outcome)}", f"{title} – strengths by Bradley-Terry", alt, figure)


def answers(result: RatingResult, names: Sequence[str], title: str, theme: Theme) -> Drawing:
    """How often each answer was given for each condition, as stacked bars."""
    ink = _INKS[theme]
    levels = sorted({level for counts in result.counts for level in counts})
    figure, axes = _figure(0.46 * len(names) + 1.5, ink)
    shades = colormaps["cividis"](np.linspace(0.05, 0.95, len(levels)))
    lefts = np.zeros(len(names))
    totals = np.array([max(1, sum(counts.values())) for counts in result.counts])
    rows = np.arange(len(names))[::-1]
    for level, shade in zip(levels, shades, strict=True):
        shares = np.array([counts.get(level, 0) for counts in result.counts]) / totals
        axes.barh(rows, shares, left=lefts, color=shade, edgecolor=ink.ground, linewidth=0.6, label=f"{level:g}")
        for row, share, left in zip(rows, shares, lefts, strict=True):
            if share >= 0.06:
                dark = 0.299 * shade[0] + 0.587 * shade[1] + 0.114 * shade[2] < 0.5
                color = "#ffffff" if dark else "#000000"
                axes.text(left + share / 2, row, f"{level:g}", ha="center", va="center", fontsize=8, color=color)
        lefts += shares
    axes.set_yticks(rows, names)
    axes.set_xlim(0, 1)
    axes.set_xticks(np.linspace(0, 1, 5), [percent(share) for share in np.linspace(0, 1, 5)])
    axes.set_xlabel("share of answers; each number is the answer")
    said = "; ".join(
        f"{name} median {number(spread.median, 1)}, mean {number(spread.mean, 1)}, {spread.n} answers"
        for name, spread in zip(names, result.spread, strict=True)
    )
    return Drawing(f"answers-{_plain(result.outcome)}", f"{title} – answers", f"Stacked bars: {said}.", figure)


def means(result: RatingResult, names: Sequence[str], title: str, theme: Theme) -> Drawing:
    """Mean answers with their intervals."""
    ink = _INKS[theme]
    figure, axes = _figure(0.42 * len(names) + 1.1, ink)
    _dots(axes, list(result.means)[::-1], list(names)[::-1], ink)
    axes.set_xlabel("mean answer in points (line: interval)")
    said = "; ".join(f"{name} {interval(mean)}" for name, mean in zip(names, result.means, strict=True))
    return Drawing(f"means-{_plain(result.outcome)}", f"{title} – means", f"Dots with intervals: {said}.", figure)


def stops(reached: Sequence[Reached], theme: Theme) -> Drawing:
    """How many began each task, and how many stopped there."""
    ink = _INKS[theme]
    figure, axes = _figure(0.36 * len(reached) + 1.2, ink)
    rows = np.arange(len(reached))[::-1]
    stayed = np.array([one.began - one.stopped - one.underway for one in reached])
    still = np.array([one.underway for one in reached])
    left = np.array([one.stopped for one in reached])
    axes.barh(rows, stayed, color=ink.mark, height=0.62, label="went on")
    axes.barh(
        rows, left, left=stayed, color=ink.other, height=0.62, hatch="////", edgecolor=ink.ground, label="stopped"
    )
    axes.barh(rows, still, left=stayed + left, color=ink.line, height=0.62, label="at it now")
    axes.set_yticks(rows, [one.task for one in reached])
    axes.set_xlabel("people")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.legend(frameon=False, labelcolor=ink.text, fontsize=8, ncols=3, loc="lower left", bbox_to_anchor=(0, 1))
    said = "; ".join(
        f"{one.task}: {one.began} began, {one.stopped} stopped, {one.underway} are at it" for one in reached
    )
    return Drawing("stops", "Who began each task, and who stopped there", f"Bars: {said}.", figure)


def times(milliseconds: Sequence[float], low: float, high: float, task: str, theme: Theme) -> Drawing:
    """How long answers took, on a logarithmic scale, with the ends of the range that is usual.

    Args:
        low, high: Seconds.
    """
    ink = _INKS[theme]
    seconds = np.maximum(np.asarray(milliseconds, dtype=float), 1.0) / 1000
    figure, axes = _figure(2.4, ink)
    edges = np.geomspace(seconds.min() * 0.95, seconds.max() * 1.05, 30)
    axes.hist(seconds, bins=edges, color=ink.mark)
    axes.set_xscale("log")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    ticks = _ticks(edges[0], edges[-1])
    axes.set_xticks(ticks, [f"{one:g}" for one in ticks])
    axes.set_xticks([], minor=True)
    for bound in (low, high):
        if math.isfinite(bound) and bound > 0:
            axes.axvline(bound, color=ink.other, linestyle="--", linewidth=1.4)
    axes.set_xlabel("seconds (dashed: ends of the usual range)")
    axes.set_ylabel("answers", color=ink.text)
    shown = f"{number(float(np.median(seconds)), 1)} s in the middle, from {number(float(seconds.min()), 1)} to"
    alt = f"Histogram of {len(seconds)} answers: {shown} {number(float(seconds.max()), 1)} s."
    return Drawing(f"times-{task}", f"How long answers took: {task}", alt, figure)


def _ticks(low: float, high: float) -> list[float]:
    """Round seconds between two, three of them or more where a tenth of a decade lies between."""
    for steps in _TICKS:
        found = [step * 10.0**power for power in range(-3, 4) for step in steps if low <= step * 10.0**power <= high]
        if len(found) >= 3:
            break
    return found


def svg(drawing: Drawing) -> bytes:
    """For a page. Letters are paths, so that no font is needed; nothing in it says when it was made."""
    out = io.BytesIO()
    FigureCanvasSVG(drawing.figure)
    drawing.figure.savefig(out, format="svg", metadata={"Date": None, "Title": drawing.caption})
    return out.getvalue()


def png(drawing: Drawing) -> bytes:
    """For print, 200 dots an inch."""
    out = io.BytesIO()
    FigureCanvasAgg(drawing.figure)
    drawing.figure.savefig(out, format="png", dpi=_PRINT_DPI, metadata={"Description": drawing.alt})
    return out.getvalue()


def _figure(height: float, ink: _Ink) -> tuple[Figure, Any]:
    """A figure as wide as the theme has it, without pyplot, whose figures all threads would share."""
    figure = Figure(figsize=(ink.inches, height), facecolor=ink.ground, layout="constrained")
    axes = figure.add_subplot()
    axes.set_facecolor(ink.ground)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(ink.line)
    axes.tick_params(colors=ink.text, labelsize=9, length=0)
    axes.xaxis.label.set_color(ink.text)
    axes.xaxis.label.set_fontsize(9)
    return figure, axes


def _dots(axes: Any, values: Sequence[Interval], names: Sequence[str], ink: _Ink) -> None:
    rows = np.arange(len(values))
    for row, value in zip(rows, values, strict=True):
        if math.isfinite(value.low):
            axes.plot([value.low, value.high], [row, row], color=ink.mark, linewidth=2.2, solid_capstyle="butt")
        axes.plot([value.estimate], [row], marker="o", markersize=7, color=ink.mark)
    axes.set_yticks(rows, names)
    axes.set_ylim(-0.6, len(values) - 0.4)
    axes.grid(axis="x", color=ink.line, alpha=0.35, linewidth=0.7)


def _plain(outcome: str) -> str:
    return outcome.replace(".", "-")
