"""A FITS file to cut out of, the same for local, unpacked and remote ones."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from helpers.errors import ArchiveAccessError, FitsError
from helpers.remote.byte_ranges import Slices, plain_image, table_rows, tiles
from helpers.remote.chunks import Chunk
from helpers.remote.fits_cache import RemoteFits
from helpers.remote.sparse_file import Range, SparseFile
from helpers.wcs import celestial_wcs

if TYPE_CHECKING:
    from astropy.io import fits
    from astropy.wcs import WCS


class FitsFile:
    """A file of which all bytes are here: on the disk, or unpacked in memory.

    Parameters
    ----------
    name : str
        Its path or address, for messages.
    source : pathlib.Path or binary file
        The bytes, as astropy takes them.
    """

    def __init__(self, name: str, source: Path | io.BytesIO | SparseFile) -> None:
        self.name = name
        self._source = source

    def open(self) -> fits.HDUList:
        """Return the HDUs; close them, or use them in a ``with`` block.

        Raises
        ------
        FitsError
            If this is no FITS file.
        """
        from astropy.io import fits

        with reading(self.name):
            return fits.open(self._source)

    def wcs(self, number: int, hdus: fits.HDUList) -> WCS:
        """Return the celestial WCS of the HDU with this number, for this caller alone."""
        return celestial_wcs(hdus[number].header, hdus)

    def prefetch(self, number: int, image: Any, slices: Slices) -> None:
        """Fetch the bytes under a part of an image at once: here nothing, they are there."""


class RemoteFitsFile(FitsFile):
    """A file of which only the bytes that are needed are fetched."""

    def __init__(self, remote: RemoteFits) -> None:
        self._remote = remote
        self._remembered = remote.remembered()
        self._file = self._view(self._remembered.chunks)
        super().__init__(remote.url, self._file)

    def _view(self, chunks: Sequence[Chunk]) -> SparseFile:
        return SparseFile(self._remote.url, chunks, self._invalidate)

    def _invalidate(self) -> None:
        self._remote.invalidate(self._remembered)

    def wcs(self, number: int, hdus: fits.HDUList) -> WCS:
        return self._remembered.wcs(number, lambda: celestial_wcs(hdus[number].header, hdus))

    def prefetch(self, number: int, image: Any, slices: Slices) -> None:
        from astropy.io import fits

        if isinstance(image, fits.CompImageHDU):
            ranges = self._tiles(number, slices)
        else:
            ranges = plain_image(image.header, image.fileinfo()["datLoc"], slices)
        # What is known before the pixels come is what another cutout needs too.
        self._remembered.store(self._file.chunks)
        self._file.prefetch(ranges)
        # A small file may be known as a whole.
        self._file.confirm()

    def _tiles(self, number: int, slices: Slices) -> list[Range]:
        """Read the rows of a compressed image's table, which tell where its tiles are."""
        from astropy.io import fits

        view = self._view(self._file.chunks)
        with fits.open(view, disable_image_compression=True) as tables:
            start, stop = table_rows(tables[number])
            self._file.prefetch([(start, stop)])
            self._file.seek(start)
            return tiles(tables[number], self._file.read(stop - start), slices)


@contextmanager
def reading(name: str) -> Iterator[None]:
    """Turn what a damaged or foreign file makes astropy raise into an error that names it."""
    try:
        yield
    except ArchiveAccessError:
        raise
    # Broad, because damage has no kind: astropy's decoders and WCS raise zlib.error, EOFError,
    # UnboundLocalError, and an exception of CFITSIO without a public name.
    except Exception as error:
        raise FitsError(f"{name} cannot be read as FITS: {message_of(error)}", name) from error


def message_of(error: Exception) -> str:
    """Say in one line what an exception of another package says."""
    text = " ".join(str(error).split())
    return text if isinstance(error, OSError) and text else f"{type(error).__name__}: {text}"
