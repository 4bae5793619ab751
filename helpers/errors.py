"""What this package raises: one base class, so that a reader can catch all of it."""

from __future__ import annotations


class ArchiveAccessError(Exception):
    """An archive's product could not be had.

    Parameters
    ----------
    message : str
        What happened, and what to do.
    url : str, optional
        The address that it is about.
    """

    def __init__(self, message: str, url: str = "") -> None:
        super().__init__(message)
        self.url = url


class CompressionError(ArchiveAccessError, ValueError):
    """Compressed bytes that are damaged, cut short, or of no known format."""


class CloudLocationError(ArchiveAccessError, ValueError):
    """A value that says nothing, or nothing clear, of where a product is kept."""


class RequirementError(CloudLocationError):
    """A product that is not where it is required: in the cloud, or in a region of it."""


class FigureError(ArchiveAccessError, ValueError):
    """A figure that would mislead or could not be read: no unit, no alt text, no WCS."""


class SourceError(ArchiveAccessError, ValueError):
    """The environment variable ARCHIVES names no source, or one that this program cannot take."""


class ReplicaError(ArchiveAccessError, RuntimeError):
    """The replica could not be started."""


class DownloadError(ArchiveAccessError, OSError):
    """A product could not be read, or not completely."""


class FitsError(ArchiveAccessError, ValueError):
    """A file that is not FITS, or has no image where one was asked for."""


class CutoutError(ArchiveAccessError, ValueError):
    """A cutout that the image cannot give."""


class StoreError(ArchiveAccessError, ValueError):
    """Stamps that cannot be stored: of such a table, in such a place, or for want of a package."""
