"""A picture of what was read: where in each file, and when."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING

from helpers.remote.sparse_file import Range
from helpers.transfer.advice import grouped
from helpers.transfer.request import Request, overlap

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Files and requests that are drawn; of more, the ones with most bytes, and the first.  Lines of
#: code that are named beside them.
FILES, REQUESTS, LABELS = 10, 200, 25
# Colours that differ in lightness too (Okabe and Ito's palette).
_ONCE, _AGAIN, _FILE = "#0072B2", "#D55E00", "#E5E5E5"
_WAIT, _CLOUD, _ARCHIVE = "#BBBBBB", "#0072B2", "#E69F00"
#: The least width of a piece, of the whole bar: a header is to be seen too.
_LEAST = 0.003


def picture(total: str, log: Sequence[Request]) -> Figure:
    """Draw a bar of each file with what was read, and a waterfall of the requests.

    Parameters
    ----------
    total : str
        The block in a sentence: the title.
    log : sequence of Request
        Its requests.
    """
    from matplotlib.figure import Figure

    files = _files(log)
    shown = log[:REQUESTS]
    heights = (0.8 + 0.35 * max(1, len(files)), min(6.0, 1.2 + 0.08 * len(shown)))
    figure = Figure(figsize=(9.0, sum(heights) + 1.2), layout="constrained")
    bars, times = figure.subplots(2, 1, height_ratios=heights)
    figure.suptitle(total)
    _draw_files(bars, files)
    _draw_times(times, shown, len(log))
    return figure


def _files(log: Sequence[Request]) -> dict[str, list[Request]]:
    """The requests that brought bytes of a file, by file, most bytes first."""
    groups = grouped((request for request in log if request.span), lambda request: request.file)
    order = sorted(groups, key=lambda name: -sum(request.bytes for request in groups[name]))
    return {name: groups[name] for name in order[:FILES]}


def _draw_files(axes: Axes, files: dict[str, list[Request]]) -> None:
    labels = []
    for row, (name, requests) in enumerate(files.items()):
        spans = [request.span for request in requests if request.span]
        size = max(requests[0].size, *(stop for _, stop in spans))
        axes.broken_barh([(0.0, 100.0)], (row - 0.4, 0.8), facecolors=_FILE)
        for spans_of, colour in zip(_once_and_again(spans), (_ONCE, _AGAIN), strict=True):
            pieces = [
                (100 * a / size, max(100 * _LEAST, 100 * (b - a) / size)) for a, b in spans_of
            ]
            axes.broken_barh(pieces, (row - 0.4, 0.8), facecolors=colour)
        labels.append(f"{name}\n{size / 1e6:.1f} MB")
    axes.set_yticks(range(len(labels)), labels, fontsize="small")
    axes.invert_yaxis()
    axes.set_xlim(0, 100)
    axes.set_xlabel("place in the file, per cent: blue came once, orange again")


def _once_and_again(spans: Sequence[Range]) -> tuple[list[Range], list[Range]]:
    """Tell the ranges that brought something new from those that had come before."""
    once: list[Range] = []
    again: list[Range] = []
    for span in spans:
        known = overlap(once, span)
        (again if known > (span[1] - span[0]) / 2 else once).append(span)
    return once, again


def _draw_times(axes: Axes, log: Sequence[Request], number: int) -> None:
    least = _LEAST * max((request.ended for request in log), default=1.0)
    for row, request in enumerate(log):
        body = max(least, request.seconds - request.waited)
        colour = _CLOUD if request.source == "cloud" else _ARCHIVE
        axes.broken_barh([(request.began, request.waited)], (row, 0.8), facecolors=_WAIT)
        axes.broken_barh([(request.began + request.waited, body)], (row, 0.8), facecolors=colour)
    labels = _first_rows(log)
    axes.set_yticks(list(labels), list(labels.values()), fontsize="x-small")
    axes.invert_yaxis()
    axes.set_xlabel("seconds: grey waits, blue comes from the cloud, orange from the archive")
    axes.set_ylabel(f"{number} requests" + f", the first {len(log)}" * (number > len(log)))


def _first_rows(log: Sequence[Request]) -> dict[int, str]:
    """Name the line of code where another one begins to read, if there is room to write it."""
    labels: dict[int, str] = {}
    last = -len(log)
    for row, request in enumerate(log):
        changes = not row or request.line != log[row - 1].line
        if changes and row - last >= len(log) / LABELS:
            labels[row] = PurePath(request.line).name or request.file
            last = row
    return labels
