"""Divide a batch into units of work that workers can share evenly."""

from __future__ import annotations

import math
from collections.abc import Sequence

from helpers.bulk.shared_image import SharedImage
from helpers.bulk.stamps import Stamp
from helpers.bulk.targets import Target, Wanted
from helpers.errors import ArchiveAccessError
from helpers.remote.cancellation import cancellable_threads
from helpers.remote.fits_io import is_local

Group = Sequence[Target]

#: A remote file is divided no further than into units of so many bytes.
LEAST_BYTES = 2**23
#: The most targets of a unit: their cutouts come back together.
MOST_TARGETS = 512
#: The most files of a unit: each waits for its header while others are read.  What has begun goes
#: on where the user interrupts, and is lost where its worker dies.
MOST_FILES = 4


def split(groups: Sequence[Group], wanted: Wanted, number: int, threads: int) -> list[Group]:
    """Return about `number` units, none of which reads what another one does.

    Each is a part of a file, or several files, which are read side by side.  To divide the
    targets of a remote file by their bytes, its header is read here.

    Parameters
    ----------
    groups : sequence of sequences of Target
        The targets of each file.
    wanted : Wanted
        Size and HDU.
    number : int
        How many units are enough; more come only of many targets.
    threads : int
        How many headers are read at once.
    """
    total = sum(map(len, groups))
    shares = [math.ceil(number * len(group) / total) for group in groups]
    parts = [
        max(math.ceil(len(group) / MOST_TARGETS), share if len(groups) < number else 1)
        for group, share in zip(groups, shares, strict=True)
    ]
    with cancellable_threads(threads) as pool:
        divided = pool.map(_divide, groups, parts, [wanted] * len(groups))
        units = [unit for units in divided for unit in units]
    if len(groups) <= number:
        return units
    return _joined(units, max(1, min(MOST_FILES, len(units) // number)))


def _joined(units: Sequence[Group], most: int) -> list[Group]:
    """Join so many units at the most, and no more targets than a unit may have."""
    joined: list[Group] = []
    count = most
    for unit in units:
        if count < most and len(joined[-1]) + len(unit) <= MOST_TARGETS:
            joined[-1] = [*joined[-1], *unit]
            count += 1
        else:
            joined.append(unit)
            count = 1
    return joined


def _divide(group: Group, parts: int, wanted: Wanted) -> list[Group]:
    if parts < 2 or len(group) < 2:
        return [group]
    if is_local(group[0].location):
        length = math.ceil(len(group) / parts)
        return [group[first : first + length] for first in range(0, len(group), length)]
    try:
        image = SharedImage(group, wanted, 1)
    except ArchiveAccessError:
        # The worker will say why.
        return [group]
    planned = {stamp.target.number for stamp in image.stamps}
    units = _by_bytes(image.stamps, parts)
    rest = [target for target in group if target.number not in planned]
    return units + [rest] * bool(rest)


def _by_bytes(stamps: Sequence[Stamp], parts: int) -> list[Group]:
    """Divide stamps, which are sorted by their first byte, so that each part reads as much.

    Between two parts lies, if there is one nearby, a place that no stamp reaches over.
    """
    if not stamps or not len(stamps[0].ranges):
        return [[stamp.target for stamp in stamps]] * bool(stamps)
    reached, new = 0, []
    for stamp in stamps:
        new.append(max(0, stamp.last - max(stamp.first, reached)))
        reached = max(reached, stamp.last)
    goal = max(sum(new) / parts, LEAST_BYTES)
    units: list[list[Target]] = [[]]
    size = 0
    for stamp, added in zip(stamps, new, strict=True):
        apart = added == stamp.last - stamp.first
        if (size >= goal and apart) or size + added > 1.25 * goal:
            units.append([])
            size = 0
        units[-1].append(stamp.target)
        size += added
    return [unit for unit in units if unit]
