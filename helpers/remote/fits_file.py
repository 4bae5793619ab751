"""A FITS file to cut out of, the same for local, unpacked and remote ones."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from helpers.errors import ArchiveAccessError, FitsError
from helpers.remote.byte_ranges import PlainImage, Slices, table_rows, tiles
from helpers.remote.chunks import Chunk
from helpers.remote.fits_cache import RemoteFits
from helpers.remote.sparse_file import SparseFile
from helpers.wcs import celestial_wcs

if TYPE_CHECKING:
    import numpy as np
    from astropy.io import fits
    from astropy.wcs import WCS


class FitsFile:
    """A file of which all bytes are here: on the disk, or unpacked in memory.

    Parameters
    ----------
    name : str
        Its path or address, for messages.
    source : pathlib.Path, bytes or binary file
        Where the bytes are, or they themselves.
    etag : str
        What the server calls this version of the file; empty where none does.
    """

    def __init__(self, name: str, source: Path | bytes | SparseFile, etag: str = "") -> None:
        self.name = name
        self.etag = etag
        self._source = source

    def open(self) -> fits.HDUList:
        """Return the HDUs; close them, or use them in a ``with`` block.

        Raises
        ------
        FitsError
            If this is no FITS file.
        """
        from astropy.io import fits

        source = self._source
        with reading(self.name):
            return fits.open(io.BytesIO(source) if isinstance(source, bytes) else source)

    def wcs(self, number: int, hdus: fits.HDUList) -> WCS:
        """Return the celestial WCS of the HDU with this number, for this caller alone."""
        return celestial_wcs(hdus[number].header, hdus)

    def prefetch(self, number: int, image: Any, slices: Slices) -> None:
        """Fetch the bytes under a part of an image at once: here nothing, they are there."""

    def ranges(self, number: int, image: Any, slices: Slices) -> np.ndarray:
        """Return the ranges of bytes under a part that must be fetched, shape (n, 2): none."""
        import numpy as np

        return np.empty((0, 2), np.int64)


class RemoteFitsFile(FitsFile):
    """A file of which only the bytes that are needed are fetched."""

    def __init__(self, remote: RemoteFits) -> None:
        self._remote = remote
        self._remembered = remote.remembered()
        self._file = self._view(self._remembered.chunks)
        self._tables: dict[int, tuple[Any, bytes]] = {}
        self._images: dict[int, PlainImage] = {}
        super().__init__(remote.url, self._file, self._file.version.etag)

    def _view(self, chunks: Sequence[Chunk]) -> SparseFile:
        return SparseFile(self._remote.url, chunks, self._invalidate)

    def _invalidate(self) -> None:
        self._remote.invalidate(self._remembered)

    @property
    def size(self) -> int:
        """Length in bytes."""
        return self._file.size

    @property
    def beginning(self) -> Chunk:
        """The file's beginning, which was read first."""
        return self._file.chunks[0]

    def fetch(self, start: int, stop: int) -> Chunk:
        """Fetch a range of this version of the file; see `SparseFile.fetch`."""
        return self._file.fetch(start, stop)

    def confirm(self) -> None:
        """Make sure that this is still the file that is known; see `SparseFile.confirm`."""
        self._file.confirm()

    def open_with(self, chunks: Sequence[Chunk]) -> fits.HDUList:
        """Return the HDUs for reading what the chunks hold, besides what is known."""
        return FitsFile.open(FitsFile(self.name, self._view([*self._file.chunks, *chunks])))

    def wcs(self, number: int, hdus: fits.HDUList) -> WCS:
        return self._remembered.wcs(number, lambda: celestial_wcs(hdus[number].header, hdus))

    def prefetch(self, number: int, image: Any, slices: Slices) -> None:
        self._file.prefetch(self.ranges(number, image, slices).tolist())
        # A small file may be known as a whole.
        self._file.confirm()

    def ranges(self, number: int, image: Any, slices: Slices) -> np.ndarray:
        """Return the ranges of bytes under a part of an image, shape (n, 2).

        Raises
        ------
        DownloadError
            If the file ends before.
        """
        from astropy.io import fits

        if isinstance(image, fits.CompImageHDU):
            ranges = tiles(*self._table(number), slices)
        else:
            ranges = self._plain_image(number, image).ranges(slices)
        self._file.check_end(int(ranges[:, 1].max(initial=0)))
        return ranges

    def _plain_image(self, number: int, image: Any) -> PlainImage:
        if number not in self._images:
            self._images[number] = PlainImage(image.header, image.fileinfo()["datLoc"])
            self._remember()
        return self._images[number]

    def _table(self, number: int) -> tuple[fits.BinTableHDU, bytes]:
        """Read the rows of a compressed image's table, which tell where its tiles are."""
        from astropy.io import fits

        if number not in self._tables:
            view = self._view(self._file.chunks)
            with fits.open(view, disable_image_compression=True) as tables:
                start, stop = table_rows(tables[number])
                self._file.prefetch([(start, stop)])
                self._file.seek(start)
                self._tables[number] = tables[number], self._file.read(stop - start)
            self._remember()
        return self._tables[number]

    def _remember(self) -> None:
        """Keep what is known before the pixels come: another cutout needs it too."""
        self._remembered.store(self._file.chunks)


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
