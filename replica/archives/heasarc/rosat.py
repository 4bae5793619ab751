"""Files of a field of the ROSAT All-Sky Survey, most of them in Unix's format ``.Z``."""

from __future__ import annotations

import io
from pathlib import Path

import ncompress

from replica.archives.heasarc import rosat_events, rosat_maps
from replica.holdings import Product, select
from replica.simulation.fits_files import NOTICE

_MAKERS = {
    "bas": rosat_events.event_list,
    "anc": rosat_events.pointings,
    "mex": rosat_maps.exposure,
    "ime": rosat_maps.mean_channel,
    **{f"im{band}": rosat_maps.counts for band in "123"},
    **{f"bk{band}": rosat_maps.background for band in "123"},
}


def write(product: Product, path: Path) -> None:
    """Write a file of the field: FITS (plain or ``.Z``), a preview, or a list of files."""
    if product.kind.startswith("contents"):
        path.write_text(_contents(product), encoding="ascii")
    elif product.kind.endswith("_gif"):
        rosat_maps.preview(product, path)
    else:
        plain = io.BytesIO()
        _MAKERS[product.kind](product).writeto(plain)
        packed = product.key.endswith(".Z")
        path.write_bytes(ncompress.compress(plain.getvalue()) if packed else plain.getvalue())


def _contents(product: Product) -> str:
    """List the files of the field, as the ``public_contents`` beside them does."""
    files = select(archive="heasarc", obs_id=product.obs_id)
    lines = [f"{file.filename:32} {file.title}" for file in files]
    return "\n".join([*NOTICE, "", *lines, ""])
