"""Pan-STARRS1 stacks and their companions: mask, exposure, variance.

The form follows a real stack of the Crab's skycell: tile compression of one row a tile,
16-bit integers, asinh-coded flux (Waters et al. 2020, ApJS 251, 4, section 3).
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.time import Time

from replica.archives.mast.tessellation import PIXEL, skycell
from replica.holdings import Product
from replica.protocols.geometry import separation
from replica.simulation import cassiopeia
from replica.simulation.crab import nebula
from replica.simulation.fits_files import header_of
from replica.simulation.noise import fractal, generator
from replica.simulation.photometry import POGSON
from replica.simulation.render import add_stars, add_template
from replica.simulation.sky import PULSAR

_ZERO, _SCALE, _BLANK = 3.452766656876, 2.02157847203e-04, 32767
_STEP = 0.5  # arcseconds: pixel of the remnants' templates
_REACH = 0.42  # degrees: half the diagonal of a skycell, and the half of a template
_ROWS = 16
_SATURATED, _STAR_CORE = 32, 4096  # bits of the mask


@dataclass(frozen=True)
class Band:
    """Facts of a PS1 band.

    Seeing: median of the stacks, Chambers et al. 2016, arXiv:1612.05560.  Noise of a pixel
    in counts (the asinh code's softening) fits the published depth.  The magnitudes of
    Cassiopeia A and the shares of its lines are assumed: no integrated ones are published.
    The magnitudes give its brighter filaments 20 to 21 magnitudes per square arcsecond in r,
    and make it redder than the lines are, because 5 to 8 magnitudes of V are absorbed before it.
    """

    seeing: float  # arcseconds
    softening: float  # BSOFTEN, counts
    offset: float  # BOFFSET, counts
    nebula_magnitude: float  # AB, all of the nebula
    filament_share: float
    core_size: float
    ionisation: float  # [O III] in g; Hα, [N II] and [S II] in r; [S III] in z and y
    cassiopeia_magnitude: float  # AB, all of Cassiopeia A
    flocculi_share: float  # light of Cassiopeia A in lines of its slow flocculi: Hα and [N II]
    oxygen_share: float  # its light from strands of oxygen: [O III], [O I] in r, [O II] in i


BANDS = {
    "g": Band(1.31, 71.50399587024, 3.232116937637, 8.55, 0.28, 0.92, 0.7, 14.3, 0.0, 0.85),
    "r": Band(1.19, 84.21734046936, 4.118840217590, 8.05, 0.42, 0.96, -0.5, 12.9, 0.1, 0.1),
    "i": Band(1.11, 163.9045410156, 7.561230659485, 8.15, 0.24, 0.98, -0.3, 12.6, 0.02, 0.25),
    "z": Band(1.07, 185.1320037842, 8.904312133789, 8.10, 0.26, 1.0, 0.2, 12.2, 0.02, 0.04),
    "y": Band(1.02, 724.6611328125, 21.77310371399, 8.05, 0.22, 1.0, 0.2, 11.6, 0.02, 0.04),
}


def write(product: Product, path: Path) -> None:
    """Write a stack (``unconv``), its mask, exposure map or variance map."""
    kinds = {
        "unconv": _write_stack,
        "unconv.mask": _write_mask,
        "unconv.exp": _write_exposure,
        "unconv.wt": _write_variance,
    }
    kinds[product.kind](product, path)


def _write_stack(product: Product, path: Path) -> None:
    band = BANDS[product.band]
    code = _sky_flux(product)
    for lines in _strips(code):
        encode(lines, band)
    header = _header(product)
    header["BSOFTEN"] = (band.softening, "asinh scaling: softening")
    header["BOFFSET"] = (band.offset, "asinh scaling: offset")
    _write_scaled(code, header, path)


def encode(flux: np.ndarray, band: Band) -> np.ndarray:
    """Asinh code of a flux in counts: overwrites and returns `flux`.

    The inverse of flux = BOFFSET + 2 BSOFTEN sinh(code / 1.0857).
    """
    flux -= np.float32(band.offset)
    flux /= np.float32(2 * band.softening)
    np.arcsinh(flux, out=flux)
    flux *= np.float32(POGSON)
    return flux


def _sky_flux(product: Product) -> np.ndarray:
    """Counts: noise, stars, nebula."""
    band = BANDS[product.band]
    rng = generator(product.key)
    flux = np.empty(skycell(product.target).shape, np.float32)
    for lines in _strips(flux):
        rng.standard_normal(dtype=np.float32, out=lines)
        lines *= np.float32(band.softening)
        lines += np.float32(band.offset)
    counts = _counts_of_zero(product)
    wcs = skycell(product.target).wcs()
    epoch = Time(product.start).jyear
    add_stars(flux, wcs, product.band, counts, _seeing(band), band.softening, epoch)
    _add_remnants(flux, product, counts)
    return flux


def _strips(image: np.ndarray) -> Iterator[np.ndarray]:
    """Few rows of an image at a time, which stay in the processor's cache."""
    for start in range(0, len(image), _ROWS):
        yield image[start : start + _ROWS]


def _add_remnants(flux: np.ndarray, product: Product, counts: float) -> None:
    """Add the Crab Nebula and Cassiopeia A, where the skycell reaches them."""
    band, wcs = BANDS[product.band], skycell(product.target).wcs()
    pixel = (PIXEL * 3600) ** 2
    if separation(product.ra, product.dec, *PULSAR) < _REACH:
        template = nebula(_STEP, band.filament_share, band.core_size, band.seeing, band.ionisation)
        light = counts * 10 ** (-0.4 * band.nebula_magnitude) * pixel
        add_template(flux, wcs, template, _STEP, light, PULSAR)
    if separation(product.ra, product.dec, *cassiopeia.CENTRE) < _REACH:
        size = cassiopeia.scale(Time(product.start).decimalyear)
        template = cassiopeia.optical(_STEP, band.seeing, band.flocculi_share, band.oxygen_share)
        light = counts * 10 ** (-0.4 * band.cassiopeia_magnitude) * pixel / size**2
        add_template(flux, wcs, template, _STEP * size, light, cassiopeia.CENTRE)


def _write_mask(product: Product, path: Path) -> None:
    stars = np.zeros(skycell(product.target).shape, np.float32)
    band = BANDS[product.band]
    counts = _counts_of_zero(product)
    add_stars(stars, skycell(product.target).wcs(), product.band, counts, _seeing(band), 2e4)
    limit = 2 * band.softening * np.sinh((_ZERO + _SCALE * _BLANK) / POGSON)
    mask = (stars > limit) * np.uint16(_SATURATED)
    mask |= (stars > limit / 9) * np.uint16(_STAR_CORE)
    shape = (1, mask.shape[1])
    hdu = fits.CompImageHDU(mask, _header(product), "COMPRESSED_IMAGE", "GZIP_1", shape)
    packed = io.BytesIO()
    fits.HDUList([_primary(), hdu]).writeto(packed)
    packed.seek(0)
    with fits.open(packed, disable_image_compression=True) as table:
        for tile in table[1].data["COMPRESSED_DATA"]:
            tile[4:8] = 0  # MTIME (RFC 1952), the time of writing: the same bytes each time
        table.writeto(path, overwrite=True)


def _write_exposure(product: Product, path: Path) -> None:
    _write_scaled(product.exposure * _coverage(product), _header(product), path, 0.5, 1500.0)


def _write_variance(product: Product, path: Path) -> None:
    variance = BANDS[product.band].softening ** 2
    image = variance / np.maximum(_coverage(product), 0.05)
    _write_scaled(image, _header(product), path, variance / 200, 20 * variance)


def _coverage(product: Product) -> np.ndarray:
    """Share of the exposures that saw each pixel: gaps of the detectors dim a grid of it."""
    rng = generator(product.key)
    tilt = 0.01 * fractal(rng, 600, (2, 4))
    shape = skycell(product.target).shape
    coverage = np.ones(shape, np.float32)
    for _ in range(12):
        for axis, size in enumerate(shape):
            gap = (np.arange(size) + rng.integers(0, 600)) % 600 < 14 + 20 * rng.random()
            coverage -= np.expand_dims(gap * np.float32(1 / 14), 1 - axis)
    big = np.repeat(np.repeat(tilt, 11, axis=0), 11, axis=1)[: shape[0], : shape[1]]
    return np.clip(coverage + big, 0.05, None).astype(np.float32)


def _write_scaled(
    image: np.ndarray,
    header: fits.Header,
    path: Path,
    scale: float = _SCALE,
    zero: float = _ZERO,
) -> None:
    """Write as 16-bit integers, compressed by RICE_1; values above the range are blank.

    The scaling cards go in afterwards, since astropy would not keep them otherwise.
    """
    # The numbers go where the image was: no strip is written over before it is read.
    whole = image.reshape(-1).view(np.int16)[: image.size].reshape(image.shape)
    for lines, numbers in zip(_strips(image), _strips(whole), strict=True):
        lines -= np.float32(zero)
        lines /= np.float32(scale)
        np.rint(lines, out=lines)
        numbers[:] = np.clip(lines, -32766, _BLANK, out=lines)
    tile = (1, image.shape[1])
    hdu = fits.CompImageHDU(whole, header, "COMPRESSED_IMAGE", "RICE_1", tile)
    packed = io.BytesIO()
    fits.HDUList([_primary(), hdu]).writeto(packed)
    packed.seek(0)
    with fits.open(packed, disable_image_compression=True) as table, path.open("wb") as file:
        cards, place = table[1].header, table[1].fileinfo()
        cards["BZERO"] = (zero, "Scaling: TRUE = BZERO + BSCALE * DISK")
        cards["BSCALE"] = (scale, "Scaling: TRUE = BZERO + BSCALE * DISK")
        cards["BLANK"] = (_BLANK, "Value for undefined pixels")
        cards["ZBLANK"] = (_BLANK, "Value for undefined pixels")
        file.write(packed.getbuffer()[: place["hdrLoc"]])
        file.write(cards.tostring().encode("ascii"))
        file.write(packed.getbuffer()[place["datLoc"] :])


def _primary() -> fits.PrimaryHDU:
    return fits.PrimaryHDU(header=header_of([("ORIGIN", "simulated", "not made by the PS1SC")]))


def _seeing(band: Band) -> float:
    return band.seeing / (PIXEL * 3600)


def _counts_of_zero(product: Product) -> float:
    """Counts of a star of magnitude 0: the zero point is 25 plus that of the exposure."""
    return product.exposure * 10 ** (0.4 * 25)


def _wcs_cards(product: Product) -> list[tuple]:
    """The skycell's celestial coordinates, in the old style of the real headers."""
    cell = skycell(product.target)
    return [
        ("CTYPE1", "RA---TAN", ""),
        ("CTYPE2", "DEC--TAN", ""),
        ("CRVAL1", cell.tangent[0], ""),
        ("CRVAL2", cell.tangent[1], ""),
        ("CRPIX1", cell.reference_pixel[0], ""),
        ("CRPIX2", cell.reference_pixel[1], ""),
        ("CDELT1", PIXEL, ""),
        ("CDELT2", PIXEL, ""),
        ("PC001001", -1.0, ""),
        ("PC001002", 0.0, ""),
        ("PC002001", 0.0, ""),
        ("PC002002", 1.0, ""),
    ]


def _header(product: Product) -> fits.Header:
    inputs = 14
    filter_id = f"{product.band}.00000"
    cards = [
        *_wcs_cards(product),
        ("EXPTIME", product.exposure, "Total exposure time (s)"),
        ("MJD-OBS", Time(product.start).mjd, "Modified Julian date of the first input"),
        ("NINPUTS", inputs, "Number of inputs"),
        ("STK_TYPE", "DEEP_STACK", "Type of stack"),
        ("STK_ID", "2084311", "Stack identifier"),
        ("SKYCELL", f"skycell.{product.target}", "Sky cell"),
        ("TESS_ID", "RINGS.V3", "Tessellation"),
        ("PSCAMERA", "GPC1", "Camera name"),
        ("HIERARCH FPA.TELESCOPE", "PS1", "Telescope of origin"),
        ("HIERARCH FPA.INSTRUMENT", "GPC1", "Instrument name"),
        ("HIERARCH FPA.DETECTOR", "GPC1", "Detector name"),
        ("HIERARCH FPA.FILTERID", filter_id, "Filter used"),
        ("HIERARCH FPA.FILTER", filter_id, "Filter used"),
        ("HIERARCH FPA.AIRMASS", 1.02, "Airmass at boresight"),
        ("HIERARCH FPA.ZP", 25.0, "Magnitude zero point"),
        ("HIERARCH CHIP.SEEING", round(_seeing(BANDS[product.band]), 3), "FWHM in pixels"),
        ("HIERARCH CELL.GAIN", 1.07, "Gain (e/ADU)"),
        ("HIERARCH CELL.READNOISE", 8.2, "Read noise (e)"),
        *_input_cards(product, inputs),
    ]
    return header_of(cards)


def _input_cards(product: Product, inputs: int) -> list[tuple]:
    """One name, scale, zero point, exposure time and air mass for each input."""
    rng = generator(product.obs_id)
    cards = []
    for number in range(inputs):
        scale, zero, air = rng.normal(1, 0.05), rng.normal(25, 0.05), rng.uniform(1, 1.3)
        cards += [
            (f"INP_{number:04d}", f"{product.target}.wrp.{rng.integers(10**6)}.fits", "Input"),
            (f"SCL_{number:04d}", round(scale, 5), "Relative scale of input"),
            (f"ZPT_{number:04d}", round(zero, 5), "Zero point of input"),
            (f"EXP_{number:04d}", product.exposure / inputs, "Exposure time of input (s)"),
            (f"AIR_{number:04d}", round(air, 4), "Air mass of input"),
        ]
    return cards
