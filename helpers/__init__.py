"""Get data of NASA's archives from the cloud: where they are, what is in them, what it costs.

Names are imported when they are first used, so that ``import helpers`` costs nothing.
"""

from importlib import import_module
from typing import Any

_MODULES = {
    "connection": ["connect"],
    "cloud": ["CloudLocation", "cloud_location"],
    "compression": ["decompress"],
    "errors": [
        "ArchiveAccessError",
        "CloudLocationError",
        "CompressionError",
        "CutoutError",
        "DownloadError",
        "FigureError",
        "FitsError",
        "ReplicaError",
        "SourceError",
    ],
    "figures": ["show_figure", "show_image"],
    "remote.fits_io": ["open_fits"],
    "image_cutouts": ["Cutout", "cutout", "cutouts"],
    "transfer": ["Transfer"],
    "wcs": ["celestial_wcs"],
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'helpers' has no attribute {name!r}")
    return getattr(import_module(f"helpers.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return __all__
