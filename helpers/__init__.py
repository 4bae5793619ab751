"""Get data of NASA's archives from the cloud: where they are, what is in them, what it costs.

Names are imported when they are first used, so that ``import helpers`` costs nothing.
"""

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

if sys.version_info < (3, 11):  # noqa: UP036  one sentence in place of a traceback
    version = ".".join(map(str, sys.version_info[:3]))
    sys.exit(f"helpers: Python 3.11 or newer is needed, and {sys.executable} is {version}")

if TYPE_CHECKING:  # what editors and type checkers see
    from helpers.bulk.to_store import Stored as Stored
    from helpers.bulk.to_store import store_cutouts as store_cutouts
    from helpers.cloud import CloudLocation as CloudLocation
    from helpers.cloud import cloud_location as cloud_location
    from helpers.compression import decompress as decompress
    from helpers.connection import connect as connect
    from helpers.errors import ArchiveAccessError as ArchiveAccessError
    from helpers.errors import CloudLocationError as CloudLocationError
    from helpers.errors import CompressionError as CompressionError
    from helpers.errors import CutoutError as CutoutError
    from helpers.errors import DownloadError as DownloadError
    from helpers.errors import FigureError as FigureError
    from helpers.errors import FitsError as FitsError
    from helpers.errors import ReplicaError as ReplicaError
    from helpers.errors import RequirementError as RequirementError
    from helpers.errors import SourceError as SourceError
    from helpers.errors import StoreError as StoreError
    from helpers.figures import show_figure as show_figure
    from helpers.figures import show_image as show_image
    from helpers.image_cutouts import cutouts as cutouts
    from helpers.image_cutouts import iter_cutouts as iter_cutouts
    from helpers.one_cutout import Cutout as Cutout
    from helpers.one_cutout import cutout as cutout
    from helpers.remote.fits_io import open_fits as open_fits
    from helpers.transfer import Transfer as Transfer
    from helpers.wcs import celestial_wcs as celestial_wcs

__version__ = "0.2.0"

_MODULES = {
    "bulk.to_store": ["Stored", "store_cutouts"],
    "cloud": ["CloudLocation", "cloud_location"],
    "compression": ["decompress"],
    "connection": ["connect"],
    "errors": [
        "ArchiveAccessError",
        "CloudLocationError",
        "CompressionError",
        "CutoutError",
        "DownloadError",
        "FigureError",
        "FitsError",
        "ReplicaError",
        "RequirementError",
        "SourceError",
        "StoreError",
    ],
    "figures": ["show_figure", "show_image"],
    "image_cutouts": ["cutouts", "iter_cutouts"],
    "one_cutout": ["Cutout", "cutout"],
    "remote.fits_io": ["open_fits"],
    "transfer": ["Transfer"],
    "wcs": ["celestial_wcs"],
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}

__all__ = sorted(_HOME)


if not TYPE_CHECKING:  # a type checker would take every name for one of ours

    def __getattr__(name: str) -> Any:
        if name not in _HOME:
            raise AttributeError(f"module 'helpers' has no attribute {name!r}")
        return getattr(import_module(f"helpers.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return __all__
