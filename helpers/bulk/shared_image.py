"""One image of which many stamps are cut: opened once, each byte of it read once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

from helpers.bulk.bands import decode
from helpers.bulk.pieces import pieces
from helpers.bulk.positions import pixels_of
from helpers.bulk.stamps import Stamp
from helpers.bulk.targets import Target, Wanted
from helpers.cutout_plan import pixels_of_size, plan, slices_of
from helpers.errors import ArchiveAccessError, DownloadError
from helpers.image_hdu import find_image, read_part
from helpers.one_cutout import Cutout, Source
from helpers.remote.chunks import Chunk
from helpers.remote.fits_file import RemoteFitsFile, reading
from helpers.remote.fits_io import open_file
from helpers.remote.http import FileChangedError
from helpers.remote.link import Link, link_to
from helpers.wcs import celestial_axes

if TYPE_CHECKING:
    import numpy as np

#: A cutout, or why there is none, and its number in the batch.
Outcome = tuple[int, "Cutout | ArchiveAccessError"]


class Task(NamedTuple):
    """What any thread may do, which returns what is ready then; and how many bytes it reads."""

    run: Callable[[], list[Outcome]]
    size: int = 0


#: Stamps that are cut at once out of a file whose bytes are here.
AT_ONCE = 32


class SharedImage:
    """An image, and the stamps that are still to be cut out of it.

    Parameters
    ----------
    targets : sequence of Target
        What to cut; all are in the same file.
    wanted : Wanted
        Size and HDU.
    parallel : int
        Requests at the same time, of which the best gap between two pieces depends.

    Attributes
    ----------
    failed : list of tuple
        Outcomes of the targets that this image cannot give.
    stamps : list of Stamp
        The others, by their first byte.
    link : Link or None
        The way to the file's server; None for a local file.

    Raises
    ------
    ArchiveAccessError
        If the file cannot be read, or has no such image.
    """

    def __init__(self, targets: Sequence[Target], wanted: Wanted, parallel: int) -> None:
        self._file = open_file(targets[0].location)
        self.link = self._link()
        self._parallel = parallel
        self._lock = Lock()
        self.failed: list[Outcome] = []
        with self._file.open() as hdus, reading(self._file.name):
            self._number, image = find_image(self._file.name, hdus, wanted.hdu)
            self._source = Source.of(self._file, image, self._file.wcs(self._number, hdus))
            self._axes = celestial_axes(image.header)
            self._dtype = _stored_dtype(image)
            self.stamps = self._plan(image, targets, wanted)

    def _link(self) -> Link | None:
        return link_to(self._file.name) if isinstance(self._file, RemoteFitsFile) else None

    def _plan(self, image: Any, targets: Sequence[Target], wanted: Wanted) -> list[Stamp]:
        wcs = self._source.wcs
        pixels = pixels_of(wcs, [target.position for target in targets])
        lengths = pixels_of_size(self._file.name, wcs, wanted.size)
        stamps = []
        for target, pixel in zip(targets, pixels, strict=True):
            try:
                with reading(self._file.name):
                    stamps.append(self._stamp(image, target, wanted, lengths, pixel))
            except FileChangedError:
                raise
            except ArchiveAccessError as error:
                self.failed.append((target.number, error))
        return sorted(stamps, key=lambda stamp: stamp.first if len(stamp.ranges) else 0)

    def _stamp(
        self,
        image: Any,
        target: Target,
        wanted: Wanted,
        lengths: tuple[int, int],
        pixel: tuple[float, float] | None,
    ) -> Stamp:
        name, wcs = self._file.name, self._source.wcs
        position = target.sky() if pixel is None else target.position
        part = plan(
            *(name, image.shape, self._axes, wcs, position, wanted.size),
            pixel=pixel,
            lengths=lengths,
        )
        slices = slices_of(name, image.shape, part, None)
        return Stamp(target, part, slices, self._file.ranges(self._number, image, slices))

    @property
    def name(self) -> str:
        """Address or path of the file."""
        return self._file.name

    def ranges(self) -> np.ndarray:
        """Return starts and stops of what the stamps need, shape (n, 2), sorted by start."""
        import numpy as np

        if not self.stamps:
            return np.empty((0, 2), np.int64)
        ranges = np.concatenate([stamp.ranges for stamp in self.stamps])
        return ranges[np.argsort(ranges[:, 0], kind="stable")]

    def tasks(self) -> Iterator[Task]:
        """Yield what there is to do."""
        # All stamps of a local file, and those of compressed tiles that are empty.
        here = [stamp for stamp in self.stamps if not len(stamp.ranges)]
        self.stamps = [stamp for stamp in self.stamps if len(stamp.ranges)]
        for first in range(0, len(here), AT_ONCE):
            yield Task(partial(self._cut_here, here[first : first + AT_ONCE]))
        if isinstance(self._file, RemoteFitsFile) and self.link:
            yield from self._tasks_of(self._file, self.link)

    def _tasks_of(self, file: RemoteFitsFile, link: Link) -> Iterator[Task]:
        import numpy as np

        ranges, known = self.ranges(), file.beginning.stop
        self._bounds = np.array([(each.first, each.last) for each in self.stamps]).reshape(-1, 2)
        if len(ranges) and ranges[0, 0] < known:
            yield Task(partial(self._take_beginning, file))
            ranges = np.maximum(ranges[ranges[:, 1] > known], known)
        for start, stop in pieces(ranges, partial(link.merge_gap, self._parallel)):
            yield Task(partial(self._read, file, start, stop), stop - start)

    def _take_beginning(self, file: RemoteFitsFile) -> list[Outcome]:
        """Cut what is known from the first read; make sure that it still holds."""
        if any(stamp.last <= file.beginning.stop for stamp in self.stamps):
            file.confirm()
        return self._take(file, file.beginning)

    def _read(self, file: RemoteFitsFile, start: int, stop: int) -> list[Outcome]:
        try:
            chunk = file.fetch(start, stop)
        except FileChangedError:
            raise
        except DownloadError as error:
            stamps = self._remove(lambda stamp: stamp.needs(start, stop), start, stop)
            return [_failed(stamp, error) for stamp in stamps]
        return self._take(file, chunk)

    def _take(self, file: RemoteFitsFile, chunk: Chunk) -> list[Outcome]:
        """Give each stamp its bytes; return those that are complete now."""
        dtype = self._dtype

        def completed(stamp: Stamp) -> bool:
            (stamp.keep if dtype is None else stamp.copy)(chunk)
            return stamp.complete

        ready = self._remove(completed, chunk.start, chunk.stop)
        if dtype is None:
            return self._decode(file, ready) if ready else []
        return [self._ready(stamp, lambda stamp: stamp.content().view(dtype)) for stamp in ready]

    def _decode(self, file: RemoteFitsFile, stamps: Sequence[Stamp]) -> list[Outcome]:
        chunks = {id(chunk): chunk for stamp in stamps for chunk in stamp.chunks}
        with file.open_with(list(chunks.values())) as hdus:
            found = decode(hdus[self._number], stamps)
            return [self._ready(stamp, pixels) for stamp, pixels in found]

    def _remove(self, chosen: Callable[[Stamp], bool], start: int, stop: int) -> list[Stamp]:
        """Take those stamps out of the list which have bytes in a range, and are chosen."""
        with self._lock:
            if not self.stamps:
                return []
            near = (self._bounds[:, 0] < stop) & (self._bounds[:, 1] > start)
            found = [index for index in near.nonzero()[0].tolist() if chosen(self.stamps[index])]
            removed = [self.stamps[index] for index in found]
            for index in reversed(found):
                del self.stamps[index]
            if found:
                import numpy as np

                self._bounds = np.delete(self._bounds, found, axis=0)
            return removed

    def give_up(self) -> list[Target]:
        """Cut no more; return the targets whose stamps were not ready yet."""
        with self._lock:
            left, self.stamps = self.stamps, []
        return [stamp.target for stamp in left]

    def _cut_here(self, stamps: Sequence[Stamp]) -> list[Outcome]:
        with self._file.open() as hdus:
            image = hdus[self._number]

            def read(stamp: Stamp) -> np.ndarray:
                return read_part(self._file, self._number, image, stamp.slices).copy()

            return [self._ready(stamp, read) for stamp in stamps]

    def _ready(self, stamp: Stamp, pixels: Callable[[Stamp], np.ndarray]) -> Outcome:
        try:
            with reading(self._file.name):
                part = stamp.part
                return stamp.target.number, Cutout(
                    pixels(stamp).reshape(part.shape), self._source, part
                )
        except ArchiveAccessError as error:
            return _failed(stamp, error)


def _failed(stamp: Stamp, error: ArchiveAccessError) -> Outcome:
    return stamp.target.number, error


def _stored_dtype(image: Any) -> np.dtype | None:
    """The type of pixels that need no decoding (FITS standard 4.0, section 4.4.2.5), or None."""
    import numpy as np
    from astropy.io import fits

    if isinstance(image, fits.CompImageHDU):
        return None
    if not {"BSCALE", "BZERO", "BLANK"}.isdisjoint(image.header):
        return None
    return np.dtype(str(fits.hdu.BITPIX2DTYPE[image.header["BITPIX"]])).newbyteorder(">")
