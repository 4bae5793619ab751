"""An image's map from pixels to the sky, read from its header without needless warnings."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from astropy.coordinates import SkyCoord
    from astropy.io import fits
    from astropy.wcs import WCS

log = logging.getLogger(__name__)

_OLD_MATRIX = re.compile(r"PC(\d{3})(\d{3})")
# FITS standard 4.0, section 8.3: such as RA---TAN, GLAT-CAR.
_CELESTIAL_TYPE = re.compile(r"(RA|DEC|.LON|.LAT|..LN|..LT)-.*")


def celestial_wcs(header: fits.Header, hdus: fits.HDUList | None = None) -> WCS:
    """Return the WCS of the two celestial axes of an image, distortions included.

    Matrices under the old names ``PC001001`` are read as ``PC1_1``, without the warning that
    astropy gives for each; so are other things that wcslib mends, such as dates.

    Parameters
    ----------
    header : astropy.io.fits.Header
        Header of the image.
    hdus : astropy.io.fits.HDUList, optional
        The file that the image is in; needed where other HDUs hold tables of its WCS, as the
        Hubble telescope's do (``CPDISi``, ``D2IMDISi``, and axes of the kind ``-TAB``).

    Returns
    -------
    astropy.wcs.WCS
        Of two axes, in the order in which the image has them; of none, if it is not on the sky.
    """
    from astropy.wcs import WCS, WCSSUB_CELESTIAL

    # Without naxis, astropy refuses a distortion in a header of more than two axes.
    wcs = WCS(_with_modern_names(header), hdus, naxis=[WCSSUB_CELESTIAL], fix=False)
    axes = celestial_axes(header)
    wcs.pixel_shape = [header.get(f"NAXIS{axis}", 0) for axis in axes] if axes else None
    mended = wcs.wcs.fix(naxis=wcs.pixel_shape)
    log.debug("wcslib mended: %s", mended)
    return wcs


def celestial_axes(header: fits.Header) -> tuple[int, ...]:
    """Return the numbers of an image's celestial axes: two, counted from 1, or none."""
    numbers = range(1, header.get("NAXIS", 0) + 1)
    axes = tuple(n for n in numbers if _CELESTIAL_TYPE.match(str(header.get(f"CTYPE{n}", ""))))
    if len(axes) == 2:
        return axes
    # The plate solution of the Digitized Sky Survey, which wcslib reads, does without CTYPEi.
    return (1, 2) if "AMDX1" in header and len(numbers) == 2 else ()


def pixel_of(wcs: WCS, position: SkyCoord) -> tuple[float, float]:
    """Return x and y, counted from 0, of a position in a celestial WCS.

    `astropy.wcs.utils.skycoord_to_pixel` takes the first axis for the longitude, and
    `astropy.wcs.WCS.world_to_pixel` returns some pixel where the distortion has none.
    """
    from astropy.wcs.utils import wcs_to_celestial_frame

    there = position.transform_to(wcs_to_celestial_frame(wcs)).spherical
    world = [there.lon, there.lat] if wcs.wcs.lng < wcs.wcs.lat else [there.lat, there.lon]
    degrees = [float(angle.to_value("deg")) for angle in world]
    x, y = wcs.all_world2pix(*degrees, 0)
    return float(x), float(y)


def _with_modern_names(header: fits.Header) -> fits.Header:
    """Return the header with ``PC00i00j`` renamed (Greisen & Calabretta 2002, section 2.1.2)."""
    modern = header.copy()
    for keyword in header:
        match = _OLD_MATRIX.fullmatch(keyword)
        if match:
            modern.rename_keyword(keyword, f"PC{int(match[1])}_{int(match[2])}")
    return modern
