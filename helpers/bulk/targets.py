"""What is to be cut out: targets with their numbers, grouped by the file that they are in."""

from __future__ import annotations

import reprlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from helpers.cutout_plan import check_arguments
from helpers.errors import ArchiveAccessError, CutoutError
from helpers.image_hdu import HduName
from helpers.remote.fits_file import message_of
from helpers.remote.fits_io import Location, https_url, is_local

if TYPE_CHECKING:
    from astropy.coordinates import SkyCoord
    from astropy.units import Quantity


class RaDec(NamedTuple):
    """An ICRS position in degrees: a millionth of a table, where a SkyCoord has 5 kB."""

    ra: float
    dec: float

    def sky(self) -> SkyCoord:
        """Return the position as astropy has it."""
        from astropy.coordinates import SkyCoord

        return SkyCoord(self.ra, self.dec, unit="deg")

    def to_string(self, *arguments: Any, **options: Any) -> str:
        """Return what a SkyCoord says of itself."""
        return str(self.sky().to_string(*arguments, **options))


@dataclass(frozen=True)
class Wanted:
    """What all cutouts of a batch have in common; see `helpers.cutout`."""

    size: Quantity | int
    hdu: HduName | None = None


@dataclass(frozen=True)
class Target:
    """One cutout to make.

    Attributes
    ----------
    number : int
        Its place in the batch.
    location : CloudLocation, str or pathlib.Path
        Where its image is.
    position : SkyCoord or RaDec
        Its centre.
    """

    number: int
    location: Location
    position: SkyCoord | RaDec

    def sky(self) -> SkyCoord:
        """Return the position as astropy has it."""
        return self.position.sky() if isinstance(self.position, RaDec) else self.position


def target_of(number: int, given: Any, wanted: Wanted) -> Target:
    """Return the target that a user means.

    Raises
    ------
    CutoutError
        If it is not a location and a position, or what is wanted is no cutout.
    """
    try:
        location, position = given
    except (TypeError, ValueError) as error:
        message = f"a target is a location and a position, not {reprlib.repr(given)}"
        raise CutoutError(message) from error
    check_arguments(position, wanted.size, None)
    return Target(number, location, position)


def by_file(targets: Iterable[Target]) -> list[list[Target]]:
    """Return the targets of each file, in the order in which the files are first named."""
    groups: dict[object, list[Target]] = {}
    keys: dict[str, object] = {}
    for target in targets:
        location = target.location
        # Nearly all targets name a file that another one has named.
        key = keys.get(location) if isinstance(location, str) else None
        if key is None:
            key = _file_key(target)
            if isinstance(location, str):
                keys[location] = key
        groups.setdefault(key, []).append(target)
    return list(groups.values())


def _file_key(target: Target) -> object:
    if is_local(target.location):
        return str(target.location)
    try:
        return https_url(target.location)
    # Broad, because a location may be anything; what is wrong with it is said when it is opened.
    except Exception:  # noqa: BLE001
        return target.number


def failure(target: Target, error: Exception) -> ArchiveAccessError:
    """Return an error of this package that says why a target could not be cut out."""
    if isinstance(error, ArchiveAccessError):
        return error
    shown = reprlib.repr((target.location, target.position))
    failed = CutoutError(f"{shown} could not be cut out: {message_of(error)}")
    failed.__cause__ = error
    return failed
