"""Tables beside the AllWISE Atlas images: artifacts of bright stars, and the tile's frames.

They are IPAC tables in plain text, served beside the images.  Which columns the real ones have
is not known here: these say what such a file is for, about the simulated stars.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.table import Table

from replica.holdings import Product
from replica.simulation.fits_files import NOTICE
from replica.simulation.stars import catalogue

#: Arcseconds that an artifact of a star of magnitude 5 reaches, by the last letter of the
#: file's kind: diffraction spike, halo, optical ghost, persistence (an after-image).
REACH = {"D": 120.0, "H": 80.0, "O": 60.0, "P": 20.0}
FAINTEST = 8.0  # magnitude of the faintest star with artifacts
#: Single exposures over each place of the tile.
_FRAMES = {"w1": 24, "w2": 24, "w3": 14, "w4": 14}


def write(product: Product, path: Path) -> None:
    """Write the artifacts of a band (kind ``art-D`` and so on), or the frames (``mfflag``)."""
    table = _frames() if product.kind == "mfflag" else _artifacts(product)
    table.meta["comments"] = list(NOTICE)
    table.write(path, format="ascii.ipac")


def _artifacts(product: Product) -> Table:
    """List the bright stars of the tile, and how far the artifacts of each reach."""
    half, cos = product.width / 2, np.cos(np.radians(product.dec))
    west, east = product.ra - half / cos, product.ra + half / cos
    stars = catalogue((west, east), (product.dec - half, product.dec + half))
    magnitude = stars[product.band]
    inside = (abs(stars["ra"] - product.ra) < half / cos) & (abs(stars["dec"] - product.dec) < half)
    chosen = np.flatnonzero(inside & (magnitude < FAINTEST))
    chosen = chosen[np.argsort(magnitude[chosen])]
    reach = REACH[product.kind[-1]] * 2 ** ((5 - magnitude[chosen]) / 5)
    return Table(
        {
            "ra": stars["ra"][chosen].round(6) * u.deg,
            "dec": stars["dec"][chosen].round(6) * u.deg,
            "mag": magnitude[chosen].round(3) * u.mag,
            "radius": reach.round(2) * u.arcsec,
        }
    )


def _frames() -> Table:
    """List the exposures; 1 says that a frame is in the image of the band."""
    frames = np.arange(1, max(_FRAMES.values()) + 1)
    used = {band: (frames <= count).astype(int) for band, count in _FRAMES.items()}
    return Table({"frame": frames, **used})
