"""An image's map from pixels to the sky, read from its header without needless warnings."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from astropy.io import fits
    from astropy.wcs import WCS

log = logging.getLogger(__name__)

_OLD_MATRIX = re.compile(r"PC(\d{3})(\d{3})")


def celestial_wcs(header: fits.Header) -> WCS:
    """Return the WCS of the two celestial axes of an image, distortions included.

    Matrices under the old names ``PC001001`` are read as ``PC1_1``, without the warning that
    astropy gives for each; so are other things that wcslib mends, such as dates.
    """
    from astropy.wcs import WCS

    wcs = WCS(_with_modern_names(header), fix=False)
    mended = wcs.wcs.fix()
    log.debug("wcslib mended: %s", mended)
    return wcs.celestial


def _with_modern_names(header: fits.Header) -> fits.Header:
    """Return the header with ``PC00i00j`` renamed (Greisen & Calabretta 2002, section 2.1.2)."""
    modern = header.copy()
    for keyword in header:
        match = _OLD_MATRIX.fullmatch(keyword)
        if match:
            modern.rename_keyword(keyword, f"PC{int(match[1])}_{int(match[2])}")
    return modern
