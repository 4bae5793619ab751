"""Hubble WFPC2 images of the Crab's filaments: small drizzled images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.time import Time
from astropy.wcs import WCS

from replica.holdings import Product
from replica.simulation.filaments import filaments
from replica.simulation.fits_files import header_of
from replica.simulation.noise import generator, sample
from replica.simulation.render import add_stars
from replica.simulation.sky import PULSAR, synchrotron

PIXEL = 0.1  # arcseconds
#: Share of the filaments in the light of each narrow filter, and their ionisation.
_FILTERS = {"F502N": (0.75, 0.9), "F673N": (0.85, -0.9)}
_NOISE = 0.0025  # electrons per second
_FINE = 2  # the sky is computed at every second pixel
_CHIP = 36.0  # arcseconds: the planetary camera's chip fills only this corner


def write(product: Product, path: Path) -> None:
    """Write one drizzled image, float32, electrons per second."""
    size = round(product.width * 3600 / PIXEL)
    header = _header(product, size)
    image = _NOISE * generator(product.key).standard_normal((size, size), dtype=np.float32)
    image += _nebula(product, size)
    epoch = Time(product.start).jyear
    add_stars(image, _wcs(product, size), "r", 2.0e7, 0.16 / PIXEL, _NOISE, epoch)
    image[_unexposed(size)] = 0
    fits.PrimaryHDU(image, header).writeto(path, overwrite=True)


def _nebula(product: Product, size: int) -> np.ndarray:
    axis = ((np.arange(0, size + _FINE, _FINE)) - (size - 1) / 2) * PIXEL
    east, north = np.meshgrid(-axis.astype(np.float32), axis.astype(np.float32))
    east += np.float32((product.ra - PULSAR[0]) * 3600 * np.cos(np.radians(product.dec)))
    north += np.float32((product.dec - PULSAR[1]) * 3600)
    share, ionisation = _FILTERS[product.band]
    web, core = filaments(east, north, ionisation), synchrotron(east, north)
    light = share * web / web.mean() + (1 - share) * core / core.mean()
    row, column = np.mgrid[0:size, 0:size] / _FINE
    return 0.02 * sample(light, row, column)


def _wcs(product: Product, size: int) -> WCS:
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = "RA---TAN", "DEC--TAN"
    wcs.wcs.crval, wcs.wcs.crpix = (product.ra, product.dec), [(size + 1) / 2] * 2
    wcs.wcs.cdelt = -PIXEL / 3600, PIXEL / 3600
    return wcs


def _unexposed(size: int) -> np.ndarray:
    """The missing steps of WFPC2's field: beyond the planetary camera's small chip."""
    axis = np.arange(size) * PIXEL
    half = size * PIXEL / 2
    low = axis < half
    corner = low[:, None] & low[None, :]
    chip = (axis >= half - _CHIP) & low
    return corner & ~(chip[:, None] & chip[None, :])


def _header(product: Product, size: int) -> fits.Header:
    scale = PIXEL / 3600
    cards = [
        ("TELESCOP", "HST", "telescope used to acquire data"),
        ("INSTRUME", "WFPC2", "instrument used to acquire data"),
        ("ORIGIN", "simulated", "not made by STScI"),
        ("ROOTNAME", product.obs_id.lower(), "rootname of the observation set"),
        ("TARGNAME", product.target, "proposer's target name"),
        ("FILTNAM1", product.band, "first filter name"),
        ("EXPTIME", product.exposure, "exposure duration (seconds)"),
        ("DATE-OBS", product.start[:10], "UT date of start of observation"),
        ("TIME-OBS", product.start[11:], "UT time of start of observation"),
        ("EXPSTART", round(Time(product.start).mjd, 8), "exposure start (Modified Julian Date)"),
        ("BUNIT", "ELECTRONS/S", "brightness units"),
        ("CTYPE1", "RA---TAN", "the coordinate type for the first axis"),
        ("CTYPE2", "DEC--TAN", "the coordinate type for the second axis"),
        ("CRVAL1", product.ra, "right ascension at the reference pixel"),
        ("CRVAL2", product.dec, "declination at the reference pixel"),
        ("CRPIX1", (size + 1) / 2, "x-coordinate of the reference pixel"),
        ("CRPIX2", (size + 1) / 2, "y-coordinate of the reference pixel"),
        ("CD1_1", -scale, "partial of first axis coordinate w.r.t. x"),
        ("CD1_2", 0.0, "partial of first axis coordinate w.r.t. y"),
        ("CD2_1", 0.0, "partial of second axis coordinate w.r.t. x"),
        ("CD2_2", scale, "partial of second axis coordinate w.r.t. y"),
        ("RADESYS", "ICRS", "reference frame"),
    ]
    return header_of(cards)
