"""Cut many stamps out of remote images; each byte that several need is read once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any

from helpers.bulk.executors import cut_anywhere
from helpers.bulk.targets import Wanted
from helpers.errors import ArchiveAccessError
from helpers.image_hdu import HduName
from helpers.one_cutout import Cutout
from helpers.remote.fits_io import Location

if TYPE_CHECKING:
    from astropy.coordinates import SkyCoord
    from astropy.units import Quantity


def cutouts(
    targets: Iterable[tuple[Location, SkyCoord]],
    size: Quantity | int,
    *,
    hdu: HduName | None = None,
    executor: Executor | Any = None,
    progress: bool = True,
) -> list[Cutout | ArchiveAccessError]:
    """Cut many stamps, many at once; one that fails does not spoil the others.

    Each byte that several stamps need is read once.

    Parameters
    ----------
    targets : iterable of (location, position)
        Where each image is, and the centre of the cutout.
    size : astropy.units.Quantity or int
        As for `cutout`.
    hdu : int, str or tuple, optional
        As for `cutout`.
    executor : concurrent.futures.Executor or dask.distributed.Client, optional
        Where the work is done: threads of this process (the default), processes, or a cluster.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    list of Cutout or ArchiveAccessError
        In the order of the targets; where one failed, the exception that says why.  What
        another package raised is its ``__cause__``.

    Raises
    ------
    KeyboardInterrupt
        At once, if interrupted: what is under way is given up, and nothing else begins.
    """
    wanted = list(targets)
    ready = iter_cutouts(wanted, size, hdu=hdu, executor=executor, progress=progress)
    outcomes = dict(ready)
    return [outcomes[number] for number in range(len(wanted))]


def iter_cutouts(
    targets: Iterable[tuple[Location, SkyCoord]],
    size: Quantity | int,
    *,
    hdu: HduName | None = None,
    executor: Executor | Any = None,
    progress: bool = True,
) -> Iterator[tuple[int, Cutout | ArchiveAccessError]]:
    """Cut many stamps as `cutouts` does, and yield each when it is ready.

    Only what is under way is held in memory.  Nothing more is read while you do not ask for
    the next one.

    Parameters
    ----------
    targets : iterable of (location, position)
        As for `cutouts`.
    size : astropy.units.Quantity or int
        As for `cutout`.
    hdu : int, str or tuple, optional
        As for `cutout`.
    executor : concurrent.futures.Executor or dask.distributed.Client, optional
        As for `cutouts`.
    progress : bool
        Whether to show a progress bar.

    Yields
    ------
    number : int
        Which of the targets, counted from 0; they come in any order.
    outcome : Cutout or ArchiveAccessError
        Its cutout, or the exception that says why there is none.
    """
    from tqdm import tqdm

    given = list(targets)
    ready = cut_anywhere(executor, given, Wanted(size, hdu))
    yield from tqdm(ready, total=len(given), desc="cutouts", unit="", disable=not progress)


if __name__ == "__main__":
    import sys

    from helpers.bulk.command import main

    sys.exit(main())
