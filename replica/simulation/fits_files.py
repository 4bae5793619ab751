"""What all simulated files share: the notice that they are simulated, and gzip."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

from astropy.io import fits

NOTICE = (
    "Simulated by archives-in-the-cloud: not an observation.",
    "Form and keywords follow the real product; the pixels are invented.",
    "Do not use for science.",
)


def header_of(cards: list[tuple]) -> fits.Header:
    """Header with the cards (keyword, value, comment) and the notice as HISTORY."""
    header = fits.Header([fits.Card(*card) for card in cards])
    for line in NOTICE:
        header.add_history(line)
    return header


def write_gzip(hdus: fits.HDUList, path: Path, level: int = 6) -> None:
    """Write a gzipped FITS file without name and time, so that its bytes repeat."""
    plain = io.BytesIO()
    hdus.writeto(plain)
    with path.open("wb") as raw, gzip.GzipFile("", "wb", level, raw, mtime=0) as packed:
        packed.write(plain.getbuffer())
