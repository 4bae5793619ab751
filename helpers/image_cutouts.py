"""Cut stamps out of remote images, reading only the rows that are needed."""

from __future__ import annotations

import reprlib
from collections.abc import Iterable
from concurrent.futures import Executor, Future, as_completed
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from helpers.cutout_header import cutout_header
from helpers.cutout_plan import check_arguments, plan, slices_of
from helpers.errors import ArchiveAccessError, CutoutError, FitsError
from helpers.remote.byte_ranges import Slices
from helpers.remote.cancellation import cancellable_threads
from helpers.remote.fits_file import FitsFile, message_of, reading
from helpers.remote.fits_io import Location, open_file
from helpers.remote.http import FileChangedError
from helpers.remote.sparse_file import MERGE_GAP
from helpers.wcs import celestial_axes, celestial_wcs

if TYPE_CHECKING:
    import numpy as np
    from astropy.coordinates import SkyCoord
    from astropy.io import fits
    from astropy.units import Quantity
    from astropy.wcs import WCS

#: Threads of `cutouts`: they wait for the network most of the time.
THREADS = 32

HduName = int | str | tuple[str, int]


@dataclass(frozen=True)
class Cutout:
    """A part of an image, with all that is needed to show or measure it.

    Attributes
    ----------
    data : numpy.ndarray
        Pixels, shape (ny, nx), in the unit of the header's BUNIT; a copy of its own.
    wcs : astropy.wcs.WCS
        Celestial WCS of `data`, distortions included.
    header : astropy.io.fits.Header
        The image's header for these pixels: the two celestial axes, and a WCS that is `wcs`,
        but for look-up tables of a distortion.
    partial : bool
        Whether the image ended before the cutout did, so that `data` is smaller than asked.
    url : str
        Where the image is.
    """

    data: np.ndarray
    wcs: WCS
    header: fits.Header
    partial: bool
    url: str

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows and columns."""
        return self.data.shape

    def __reduce__(self) -> tuple[Any, ...]:
        try:
            wcs = self.wcs.__reduce__()
        except ValueError:
            # wcslib cannot write the WCS of a photographic plate, but the header has it.
            wcs = celestial_wcs, (self.header,)
        return _restored, (self.data, wcs, self.header, self.partial, self.url)


def _restored(data: np.ndarray, wcs: tuple[Any, ...], *rest: Any) -> Cutout:
    make, arguments = wcs
    return Cutout(data, make(*arguments), *rest)


def cutout(
    location: Location,
    position: SkyCoord,
    size: Quantity | int,
    *,
    hdu: HduName | None = None,
    plane: int | None = None,
) -> Cutout:
    """Cut a stamp out of a remote or local image, fetching only the rows that it needs.

    Parameters
    ----------
    location : CloudLocation, str or pathlib.Path
        Where the image is; see `open_fits`.
    position : astropy.coordinates.SkyCoord
        Centre of the cutout.
    size : astropy.units.Quantity or int
        Width and height as an angle or in pixels; a pair means height and width.
    hdu : int, str or tuple, optional
        Number, name, or name and version of the image's HDU.  Default: the first HDU that
        has an image with a celestial WCS.
    plane : int, optional
        Which plane of a cube, counted from 0.

    Returns
    -------
    Cutout
        Pixels, WCS and header; its ``partial`` says whether the image's edge cut it.

    Raises
    ------
    CutoutError
        If position or size are of another kind, the cutout lies outside the image, or a cube
        is given without a plane.
    FitsError
        If the file is not FITS, or has no such image.
    DownloadError
        If the file cannot be read.
    """
    check_arguments(position, size, plane)
    try:
        return _cut(location, position, size, hdu, plane)
    except FileChangedError:
        # What was remembered of the file is forgotten by now: once more, from its beginning.
        return _cut(location, position, size, hdu, plane)


def _cut(
    location: Location,
    position: SkyCoord,
    size: Quantity | int,
    hdu: HduName | None,
    plane: int | None,
) -> Cutout:
    file = open_file(location)
    with file.open() as hdus, reading(file.name):
        number, image = _find_image(file.name, hdus, hdu)
        axes, wcs = celestial_axes(image.header), file.wcs(number, hdus)
        part = plan(file.name, image.shape, axes, wcs, position, size)
        data = _read(file, number, image, slices_of(file.name, image.shape, part, plane))
        return Cutout(
            data=data.reshape(part.shape).copy(),
            wcs=part.wcs,
            header=cutout_header(image.header, part),
            partial=part.partial,
            url=file.name,
        )


def _find_image(name: str, hdus: fits.HDUList, wanted: HduName | None) -> tuple[int, Any]:
    """Return number and HDU of the wanted image, or of the first one with a place on the sky."""
    if wanted is not None:
        number = _number_of(name, hdus, wanted)
        if _is_on_the_sky(hdus[number]):
            return number, hdus[number]
        raise FitsError(f"{name} has no image with celestial coordinates in HDU {wanted!r}", name)
    for number, hdu in enumerate(hdus):
        if _is_on_the_sky(hdu):
            return number, hdu
    raise FitsError(f"{name} has no image with celestial coordinates", name)


def _number_of(name: str, hdus: fits.HDUList, wanted: HduName) -> int:
    try:
        number: int = hdus.index_of(wanted)
        # Reads as far as this one, which a number alone does not.
        hdus[number]
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise FitsError(f"{name} has no HDU {wanted!r}: {message_of(error)}", name) from error
    return number


def _is_on_the_sky(hdu: Any) -> bool:
    return hdu.is_image and bool(celestial_axes(hdu.header)) and 0 not in hdu.shape


def _read(file: FitsFile, number: int, image: Any, slices: Slices) -> np.ndarray:
    """Fetch and decode a part of an image; whole rows where they are fetched as one anyway.

    astropy reads whole rows at once, but parts of rows one by one.
    """
    from astropy.io import fits

    rows, columns = slices, slice(None)
    row_bytes = image.shape[-1] * abs(image.header["BITPIX"]) // 8
    if not isinstance(image, fits.CompImageHDU) and row_bytes <= MERGE_GAP:
        rows, columns = (*slices[:-1], slice(0, image.shape[-1])), slices[-1]
    file.prefetch(number, image, rows)
    pixels: np.ndarray = image.section[rows][..., columns]
    return pixels


def cutouts(
    targets: Iterable[tuple[Location, SkyCoord]],
    size: Quantity | int,
    *,
    hdu: HduName | None = None,
    executor: Executor | None = None,
    progress: bool = True,
) -> list[Cutout | ArchiveAccessError]:
    """Cut many stamps, many at once; one that fails does not spoil the others.

    Parameters
    ----------
    targets : iterable of (location, position)
        Where each image is, and the centre of the cutout.
    size : astropy.units.Quantity or int
        As for `cutout`.
    hdu : int, str or tuple, optional
        As for `cutout`.
    executor : concurrent.futures.Executor, optional
        Where the work is done: threads (the default), processes, or
        ``dask.distributed.Client.get_executor()`` for a cluster.
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
    if executor is not None:
        return _cut_all(executor, wanted, size, hdu, progress)
    with cancellable_threads(THREADS) as threads:
        return _cut_all(threads, wanted, size, hdu, progress)


def _cut_all(
    executor: Executor,
    targets: list[Any],
    size: Quantity | int,
    hdu: HduName | None,
    progress: bool,
) -> list[Cutout | ArchiveAccessError]:
    futures: list[Future[Cutout]] = []
    try:
        for target in targets:
            futures.append(_submit(executor, target, size, hdu))
        _watch(futures, progress=progress)
    except BaseException:
        # The executor may be someone else's, and go on: it begins no more of these.
        for future in futures:
            future.cancel()
        raise
    return [_outcome(*pair) for pair in zip(targets, futures, strict=True)]


def _submit(
    executor: Executor, target: Any, size: Quantity | int, hdu: HduName | None
) -> Future[Cutout]:
    try:
        return executor.submit(_cut_target, target, size, hdu)
    # Broad, because executors differ: broken, or unable to send this target to their workers.
    except Exception as error:  # noqa: BLE001
        failed: Future[Cutout] = Future()
        failed.set_exception(error)
        return failed


def _cut_target(target: Any, size: Quantity | int, hdu: HduName | None) -> Cutout:
    try:
        location, position = target
    except (TypeError, ValueError) as error:
        message = f"a target is a location and a position, not {reprlib.repr(target)}"
        raise CutoutError(message) from error
    return cutout(location, position, size, hdu=hdu)


def _watch(futures: list[Future[Cutout]], *, progress: bool) -> None:
    from tqdm import tqdm

    done = as_completed(futures)
    for _ in tqdm(done, total=len(futures), desc="cutouts", unit="", disable=not progress):
        pass


def _outcome(target: Any, future: Future[Cutout]) -> Cutout | ArchiveAccessError:
    try:
        return future.result()
    except ArchiveAccessError as error:
        return error
    # Broad, because whatever became of one target must not cost the others their cutouts.
    except Exception as error:  # noqa: BLE001
        failed = CutoutError(f"{reprlib.repr(target)} could not be cut out: {message_of(error)}")
        failed.__cause__ = error
        return failed
