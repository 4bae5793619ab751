"""AllWISE Atlas images: intensity, uncertainty and depth of coverage."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from astropy import units
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.time import Time
from astropy.wcs import WCS

from replica.archives.irsa.allwise_glare import add_glare, blank_saturated
from replica.holdings import Product
from replica.protocols.geometry import separation
from replica.simulation import cassiopeia
from replica.simulation.crab import nebula
from replica.simulation.fits_files import header_of, write_gzip
from replica.simulation.noise import fractal, generator, sample
from replica.simulation.photometry import noise_area
from replica.simulation.render import add_stars, add_template
from replica.simulation.sky import PULSAR

SIZE = 4095
PIXEL = 0.0003819444391411  # degrees, as the real headers have it
#: Days from the first frame to the last: W1 and W2 scanned the field twice, half a year apart.
_SPAN = {"W1": 193.5, "W2": 193.5, "W3": 5.0, "W4": 5.0}
#: Noise of a star's flux over that of as many pixels with noise of their own: `_background`
#: averages two by two.
SHARED_NOISE = 2.0
_CLOUD_CELLS = SIZE // 9
_BLOCK = 63  # rows that are made at once: they stay in the processor's cache
_STEP = 1.0  # arcseconds: pixel of the remnants' templates
_REACH = 1.2  # degrees: half the diagonal of a tile, and the half of a template


@dataclass(frozen=True)
class Band:
    """Facts of a WISE band.

    Zero points in jansky: Jarrett et al. 2011, ApJ 735, 112.  Widths of the Atlas images'
    point-spread functions: AllWISE Explanatory Supplement; depth: the same, section I.  The
    nebula's flux follows Temim et al. 2006, AJ 132, 1610 (Spitzer).  Cassiopeia A's dust has
    round numbers of the published order (Hines et al. 2004, ApJS 154, 290, for 24 micrometres);
    in W2 they stand for the lines of carbon monoxide (Rho et al. 2009, ApJ 693, L39).

    The backgrounds are assumed.  They are no measure of the sky: Atlas images keep what the
    telescope and the detectors add.  312 DN in W4 would be 370 MJy/sr, and 1180 DN in W3
    53 MJy/sr, where zodiacal light is some tens of MJy/sr (Kelsall et al. 1998, ApJ 508, 44).
    """

    wavelength: float  # micrometres
    zero_magnitude: float  # MAGZP: magnitude of 1 DN
    zero_error: float  # MAGZPUNC, magnitudes
    zero_flux: float  # jansky of magnitude 0
    fwhm: float  # arcseconds
    background: float  # DN
    depth: float  # jansky of a lonely star at 5 sigma
    nebula_flux: float  # jansky
    filament_share: float
    core_size: float
    frames: int
    cassiopeia_dust: float  # jansky

    @property
    def flux_of_zero(self) -> float:
        """DN of a star of magnitude 0."""
        return 10 ** (0.4 * self.zero_magnitude)

    @property
    def noise(self) -> float:
        """DN in a pixel: neighbours share noise, so a star's is twice that of as many pixels."""
        error = self.depth / 5 / self.zero_flux * self.flux_of_zero
        return error / (SHARED_NOISE * np.sqrt(noise_area(_in_pixels(self.fwhm))))


BANDS = {
    "W1": Band(3.368, 20.5, 0.006, 309.540, 8.25, 7.4, 54e-6, 12.0, 0.05, 1.0, 24, 0.05),
    "W2": Band(4.618, 19.5, 0.007, 171.787, 8.25, 15.0, 71e-6, 14.4, 0.08, 1.02, 24, 0.4),
    "W3": Band(12.082, 18.0, 0.012, 31.674, 8.25, 1180.0, 730e-6, 28.0, 0.50, 1.0, 14, 20.0),
    "W4": Band(22.194, 13.0, 0.012, 8.363, 16.5, 312.0, 5e-3, 60.0, 0.74, 1.0, 14, 110.0),
}
_FILE_TYPES = {
    "int": ("intensity image", "DN"),
    "unc": ("1-sigma uncertainty image", "DN"),
    "cov": ("depth-of-coverage image", "effective pixels"),
}


def write(product: Product, path: Path) -> None:
    """Write an Atlas image: ``int`` plain, ``unc`` and ``cov`` gzipped."""
    image = {"int": _intensity, "unc": _uncertainty, "cov": _coverage}[product.kind](product)
    hdus = fits.HDUList([fits.PrimaryHDU(image, _header(product, image))])
    if product.kind == "int":
        hdus.writeto(path, overwrite=True)
    else:
        write_gzip(hdus, path, level=1)


def _intensity(product: Product) -> np.ndarray:
    band, wcs = BANDS[product.band], wcs_of(product)
    image = _background(product, band)
    fwhm = _in_pixels(band.fwhm)
    add_stars(image, wcs, product.band, band.flux_of_zero, fwhm, band.noise)
    add_glare(image, wcs, product.band, band.flux_of_zero)
    _add_remnants(image, wcs, product)
    blank_saturated(image, product.band, band.flux_of_zero, fwhm)
    return image


def _add_remnants(image: np.ndarray, wcs: WCS, product: Product) -> None:
    """Add the Crab Nebula and Cassiopeia A, where the tile reaches them."""
    band = BANDS[product.band]
    if separation(product.ra, product.dec, *PULSAR) < _REACH:
        template = nebula(_STEP, band.filament_share, band.core_size, band.fwhm)
        add_template(image, wcs, template, _STEP, _counts(band, band.nebula_flux), PULSAR)
    if separation(product.ra, product.dec, *cassiopeia.CENTRE) < _REACH:
        size = cassiopeia.scale(Time(product.start).decimalyear)
        radio = cassiopeia.synchrotron_flux(band.wavelength * 1e-6)
        for flux, draw in (
            (radio, cassiopeia.synchrotron),
            (band.cassiopeia_dust, cassiopeia.dust),
        ):
            counts = _counts(band, flux / size**2)
            template = draw(_STEP, band.fwhm)
            add_template(image, wcs, template, _STEP * size, counts, cassiopeia.CENTRE)


def _counts(band: Band, flux: float) -> float:
    """Counts on a pixel of light of `flux` jansky per square arcsecond."""
    return flux / band.zero_flux * band.flux_of_zero * (PIXEL * 3600) ** 2


def _background(product: Product, band: Band) -> np.ndarray:
    """Sky level with faint clouds, and noise that neighbouring pixels share."""
    rng = generator(product.key)
    clouds = _clouds(product) * np.float32(0.4 * band.noise) + np.float32(band.background)
    image = np.empty((SIZE, SIZE), np.float32)
    last = rng.standard_normal((1, SIZE + 1), dtype=np.float32)
    for start in range(0, SIZE, _BLOCK):
        block = image[start : start + _BLOCK]
        noise = rng.standard_normal((_BLOCK, SIZE + 1), dtype=np.float32)
        pairs = noise + np.concatenate([last, noise[:-1]])
        np.add(pairs[:, 1:], pairs[:, :-1], out=block)
        block *= np.float32(band.noise / 2)
        level = np.repeat(clouds[start // 9 : (start + _BLOCK) // 9], 9, axis=1)
        squares = block.reshape(-1, 9, SIZE)
        squares += level[:, None]
        last = noise[-1:]
    return image


def _clouds(product: Product) -> np.ndarray:
    """Faint clouds on each 9 by 9 pixels, unit variance: where tiles overlap, the same on both.

    They repeat after the width of a tile, so that all tiles are at the level of their band.
    """
    row, column = np.mgrid[4:SIZE:9, 4:SIZE:9]
    ra, dec = wcs_of(product).all_pix2world(column, row, 0)
    # One cosine for ten degrees of declination: the tiles of a mosaic must agree.
    across = ra * np.cos(np.radians(10 * np.floor(product.dec / 10) + 5))
    north, east = (angle / (9 * PIXEL) % _CLOUD_CELLS for angle in (dec, across))
    return sample(_cloud_template(product.band), north, east)


@lru_cache(maxsize=4)
def _cloud_template(band: str) -> np.ndarray:
    rng = generator("allwise clouds", band)
    clouds = fractal(rng, _CLOUD_CELLS, (3, 6, 12, 24))
    return np.pad(clouds - clouds.mean(), (0, 1), mode="wrap")


def _uncertainty(product: Product) -> np.ndarray:
    band = BANDS[product.band]
    deviation = band.noise * np.sqrt(band.frames / np.maximum(_depth(product), 1))
    step = band.noise / 64  # coarse steps compress fast
    return _enlarged(np.round(deviation / step) * step)


def _coverage(product: Product) -> np.ndarray:
    return _enlarged(_depth(product))


def _depth(product: Product) -> np.ndarray:
    """Number of frames over each 5 by 5 pixels, shape (819, 819)."""
    row, column = np.mgrid[0 : SIZE - 1 : 819j, 0 : SIZE - 1 : 819j]
    return depth(product, product.band, column, row)


def depth(product: Product, band: str, column: np.ndarray, row: np.ndarray) -> np.ndarray:
    """Return the number of frames over places of a tile, given in pixels from 0.

    WISE scans along ecliptic meridians with frames of 47 arcminutes, 42 apart.
    """
    rng = generator(product.obs_id, band[1] > "2")
    y, x = ((axis - (SIZE - 1) / 2) * (PIXEL * 60) for axis in (row, column))
    frames = BANDS[band].frames
    along, across = 0.9991 * y + 0.042 * x, 0.9991 * x - 0.042 * y
    number = np.zeros(x.shape, np.float32)
    for centre in np.arange(-72, 72, 42 / frames * 1.25) + rng.normal(0, 1.0):
        shift = rng.uniform(0, 42)
        phase = np.mod(along + shift, 42)
        inside = np.abs(across - centre) < 23.5
        number += inside * (1 + (phase < 5))
    return number


def _enlarged(small: np.ndarray) -> np.ndarray:
    return np.repeat(np.repeat(small.astype(np.float32), 5, axis=0), 5, axis=1)


def _in_pixels(arcseconds: float) -> float:
    return arcseconds / (PIXEL * 3600)


def wcs_of(product: Product) -> WCS:
    """Return the celestial coordinates of a tile's images."""
    return WCS(fits.Header(_wcs_cards(product)))


def _wcs_cards(product: Product) -> list[tuple]:
    return [
        ("CRPIX1", (SIZE + 1) / 2, "Axis 1 reference pixel at CRVAL1,CRVAL2"),
        ("CRPIX2", (SIZE + 1) / 2, "Axis 2 reference pixel at CRVAL1,CRVAL2"),
        ("CDELT1", -PIXEL, "Axis 1 scale at CRPIX1,CRPIX2 (deg/pix)"),
        ("CDELT2", PIXEL, "Axis 2 scale at CRPIX1,CRPIX2 (deg/pix)"),
        ("CRVAL1", product.ra, "RA at CRPIX1,CRPIX2, J2000.0 (deg)"),
        ("CRVAL2", product.dec, "Dec at CRPIX1,CRPIX2, J2000.0 (deg)"),
        ("CTYPE1", "RA---SIN", "Projection type for axis 1"),
        ("CTYPE2", "DEC--SIN", "Projection type for axis 2"),
        ("CROTA2", 0.0, "Image twist: +axis2 W of N, J2000.0 (deg)"),
        ("EQUINOX", 2000.0, "Equinox of WCS, J2000.0"),
    ]


def _header(product: Product, image: np.ndarray) -> fits.Header:
    band = BANDS[product.band]
    file_type, unit = _FILE_TYPES[product.kind]
    centre = SkyCoord(product.ra, product.dec, unit="deg")
    ecliptic, galactic = centre.barycentricmeanecliptic, centre.galactic
    cards = [
        *_wcs_cards(product),
        ("BAND", int(product.band[1]), "wavelength band number"),
        ("WAVELEN", band.wavelength, "[microns] effective wavelength of band"),
        ("COADDID", product.obs_id, "atlas-image identifier"),
        ("FILETYPE", file_type, "product description"),
        ("BUNIT", unit, "image pixel units"),
        ("TELESCOP", "WISE", "telescope name"),
        ("ORIGIN", "simulated", "not made by IPAC"),
        ("MAGZP", band.zero_magnitude, "[mag] relative photometric zero point"),
        ("MAGZPUNC", band.zero_error, "[mag] 1-sigma uncertainty in zero point"),
        ("NUMFRMS", band.frames * 4, "number of frames touching footprint"),
        *_date_cards(product),
        ("PXSCAL1", -PIXEL * 3600, "[arcsec/pix] scale of axis 1"),
        ("PXSCAL2", PIXEL * 3600, "[arcsec/pix] scale of axis 2"),
        ("ELON", round(ecliptic.lon.deg, 5), "[deg] ecliptic longitude at CRPIX1,2"),
        ("ELAT", round(ecliptic.lat.deg, 5), "[deg] ecliptic latitude at CRPIX1,2"),
        ("GLON", round(galactic.l.deg, 5), "[deg] galactic longitude at CRPIX1,2"),
        ("GLAT", round(galactic.b.deg, 5), "[deg] galactic latitude at CRPIX1,2"),
        ("MEDINT", _median(image), f"[{unit}] median of pixels"),
    ]
    return header_of(cards)


def _date_cards(product: Product) -> list[tuple]:
    first, last = Time(product.start), Time(product.start) + _SPAN[product.band] * units.day
    middle = first + (last - first) / 2
    return [
        ("DATEOBS1", f"{first.isot}Z", "earliest frame, UTC"),
        ("MIDOBS", f"{middle.isot}Z", "middle of the observations, UTC"),
        ("DATEOBS2", f"{last.isot}Z", "latest frame, UTC"),
    ]


def _median(image: np.ndarray) -> float:
    """Median of every seventh pixel: near enough, and fast."""
    return round(float(np.nanmedian(image[::7, ::7])), 5)
