"""Files of a Chandra observation: images, their JPEG previews, and events."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from replica.archives.heasarc import chandra_events, chandra_images
from replica.holdings import Product
from replica.simulation.fits_files import write_gzip


def write(product: Product, path: Path) -> None:
    """Write events (``evt2``) or an image as gzipped FITS, or the preview of an image."""
    if product.kind == "evt2":
        write_gzip(chandra_events.event_list(product), path, level=1)
    elif product.kind.endswith("_jpg"):
        _write_preview(chandra_images.counts(product, chandra_images.binning_of(product)), path)
    else:
        write_gzip(chandra_images.image(product), path)


def _write_preview(counts: np.ndarray, path: Path) -> None:
    """False colours from black over red and yellow to white, asinh stretch, north up."""
    top = np.percentile(counts[counts > 0], 99.8)
    level = np.clip(np.arcsinh(counts[::-1] * (30 / top)) / np.arcsinh(30), 0, 1)
    channels = [np.clip(3 * level - shift, 0, 1) for shift in (0, 1, 2)]
    pixels = (255 * np.stack(channels, axis=-1)).astype(np.uint8)
    Image.fromarray(pixels).save(path, "JPEG", quality=88)
