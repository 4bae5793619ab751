"""Cut stamps out of remote images, reading only the rows that are needed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from concurrent.futures import Executor, Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from helpers.errors import ArchiveAccessError, CutoutError, FitsError
from helpers.remote.byte_ranges import Slices, plain_image, table_rows, tiles
from helpers.remote.fits_cache import remote_fits
from helpers.remote.fits_io import Location, open_file, open_hdus, reading
from helpers.remote.sparse_file import MERGE_GAP, SparseFile
from helpers.wcs import celestial_wcs

if TYPE_CHECKING:
    import numpy as np
    from astropy.coordinates import SkyCoord
    from astropy.io import fits
    from astropy.units import Quantity
    from astropy.wcs import WCS

#: Threads of `cutouts`: they wait for the network most of the time.
THREADS = 32

_REFERENCE_PIXEL = re.compile(r"CRPIX([12])[A-Z]?")

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
        The image's header, with reference pixels and axes of the cutout.
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
    _check(position, size)
    name, file = open_file(location)
    with open_hdus(name, file) as hdus, reading(name):
        number, image = _find_image(name, hdus, hdu)
        plan = _plan(name, image, _wcs_of(name, file, number, image.header), position, size)
        slices = (*_planes(name, image, plane), *plan.slices_original)
        data = _read(file, number, image, slices).reshape(plan.shape)
        return Cutout(
            data=data.copy(),
            wcs=plan.wcs,
            header=_moved(image.header, plan),
            partial=plan.shape != tuple(int(length) for length in plan.shape_input),
            url=name,
        )


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
    size, hdu
        As for `cutout`.
    executor : concurrent.futures.Executor, optional
        Where the work is done: threads (the default), processes, or
        ``dask.distributed.Client.get_executor()`` for a cluster.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    list of Cutout or ArchiveAccessError
        In the order of the targets; where one failed, the exception that says why.
    """
    if executor is None:
        with ThreadPoolExecutor(THREADS) as threads:
            return cutouts(targets, size, hdu=hdu, executor=threads, progress=progress)
    futures = [
        executor.submit(cutout, location, position, size, hdu=hdu) for location, position in targets
    ]
    _watch(futures, progress=progress)
    return [_outcome(future) for future in futures]


def _watch(futures: list[Future[Cutout]], *, progress: bool) -> None:
    from tqdm import tqdm

    done = as_completed(futures)
    for _ in tqdm(done, total=len(futures), desc="cutouts", unit="", disable=not progress):
        pass


def _outcome(future: Future[Cutout]) -> Cutout | ArchiveAccessError:
    try:
        return future.result()
    except ArchiveAccessError as error:
        return error


def _check(position: SkyCoord, size: Quantity | int) -> None:
    """Refuse what astropy would read as something else: pixels as degrees, and the like."""
    import numpy as np
    from astropy import units as u
    from astropy.coordinates import SkyCoord

    if not isinstance(position, SkyCoord) or not position.isscalar:
        raise CutoutError(f"the position of a cutout is one SkyCoord, not {position!r}")
    lengths = size if isinstance(size, list | tuple) else np.atleast_1d(size)
    for length in lengths:
        angle = isinstance(length, u.Quantity) and (
            length.unit.is_equivalent(u.deg) or length.unit == u.pixel
        )
        if not (angle or isinstance(length, int | np.integer)) or not length > 0:
            raise CutoutError(f"the size of a cutout is a positive angle or pixels, not {size!r}")


def _find_image(name: str, hdus: fits.HDUList, wanted: HduName | None) -> tuple[int, Any]:
    """Return number and HDU of the wanted image, or of the first one with a place on the sky."""
    if wanted is not None:
        number = hdus.index_of(wanted)
        return number, hdus[number]
    for number, hdu in enumerate(hdus):
        if hdu.is_image and len(hdu.shape) >= 2 and _has_celestial_axes(hdu.header):
            return number, hdu
    raise FitsError(f"{name} has no image with celestial coordinates", name)


def _has_celestial_axes(header: fits.Header) -> bool:
    """Whether two axes are celestial (FITS standard 8.3: such as RA---TAN, GLAT-CAR)."""
    types = [str(header.get(f"CTYPE{axis}", "")) for axis in range(1, header["NAXIS"] + 1)]
    return (
        sum(kind.startswith(("RA-", "DEC-")) or kind[1:4] in ("LON", "LAT") for kind in types) > 1
    )


def _wcs_of(name: str, file: object, number: int, header: fits.Header) -> WCS:
    if isinstance(file, SparseFile):
        return remote_fits(name).wcs(number, header)
    return celestial_wcs(header)


def _plan(name: str, image: Any, wcs: WCS, position: SkyCoord, size: Quantity | int) -> Any:
    """Let astropy work out the cutout on an array that takes no memory."""
    import numpy as np
    from astropy.nddata import Cutout2D, NoOverlapError

    if len(image.shape) < 2 or wcs.naxis != 2:
        raise FitsError(f"{name}: the HDU has no image with celestial coordinates", name)
    nothing = np.broadcast_to(np.float32(0), image.shape[-2:])
    try:
        return Cutout2D(nothing, position, size, wcs=wcs, mode="trim")
    except (NoOverlapError, ValueError) as error:
        middle = wcs.pixel_to_world(*((length - 1) / 2 for length in reversed(nothing.shape)))
        raise CutoutError(
            f"a cutout of {size} about {_degrees(position)} lies outside {name}, whose centre is "
            f"{_degrees(middle)} (degrees)",
            name,
        ) from error


def _degrees(position: SkyCoord) -> str:
    return position.to_string("decimal", precision=4)


def _planes(name: str, image: Any, plane: int | None) -> Slices:
    """Slices of the axes before the last two: at most one of them is longer than 1."""
    lengths = image.shape[:-2]
    if sum(length > 1 for length in lengths) > 1:
        raise CutoutError(f"{name} has more than three axes: {image.shape}", name)
    if plane is None and max(lengths, default=1) > 1:
        raise CutoutError(f"{name} is a cube of {max(lengths)} planes: name one by plane=", name)
    if plane is not None and not 0 <= plane < max(lengths, default=1):
        raise CutoutError(f"{name} has no plane {plane} in its shape {image.shape}", name)
    return tuple(
        slice(plane, plane + 1) if plane is not None and length > 1 else slice(0, 1)
        for length in lengths
    )


def _read(file: object, number: int, image: Any, slices: Slices) -> np.ndarray:
    """Fetch and decode a part of an image; whole rows where they are fetched as one anyway.

    astropy reads whole rows at once, but parts of rows one by one.
    """
    from astropy.io import fits

    rows, columns = slices, slice(None)
    row_bytes = image.shape[-1] * abs(image.header["BITPIX"]) // 8
    if not isinstance(image, fits.CompImageHDU) and row_bytes <= MERGE_GAP:
        rows, columns = (*slices[:-1], slice(0, image.shape[-1])), slices[-1]
    if isinstance(file, SparseFile):
        _fetch(file, number, image, rows)
    return image.section[rows][..., columns]


def _fetch(file: SparseFile, number: int, image: Any, slices: Slices) -> None:
    """Fetch the bytes under a part of an image, all at once."""
    from astropy.io import fits

    memory = remote_fits(file.url)
    if not isinstance(image, fits.CompImageHDU):
        memory.store(file)
        file.prefetch(plain_image(image.header, image.fileinfo()["datLoc"], slices))
        return
    with fits.open(SparseFile(file.url, file.chunks), disable_image_compression=True) as tables:
        table = tables[number]
        start, stop = table_rows(table)
        file.prefetch([(start, stop)])
        memory.store(file)
        file.seek(start)
        file.prefetch(tiles(table, file.read(stop - start), slices))


def _moved(header: fits.Header, plan: Any) -> fits.Header:
    """Return the header of the part: the reference pixels move, the lengths shrink."""
    moved = header.copy()
    for keyword in header:
        match = _REFERENCE_PIXEL.fullmatch(keyword)
        if match:
            moved[keyword] = header[keyword] - plan.origin_original[int(match[1]) - 1]
    moved["NAXIS"] = 2
    moved["NAXIS1"], moved["NAXIS2"] = plan.shape[::-1]
    return moved
