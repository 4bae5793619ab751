"""The AllWISE sources of a tile: what photometry of its four images would give.

The list of sources is seen through the images' resolution and noise: close ones merge, faint
ones only add to the noise, bright ones are saturated.  Rules of the flags: AllWISE Explanatory
Supplement, II.1.a.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS

from replica.archives.irsa.allwise import BANDS, PIXEL, SHARED_NOISE, SIZE, Band, depth, wcs_of
from replica.archives.irsa.allwise_glare import SATURATED, ecliptic_angle
from replica.archives.irsa.artifacts import FAINTEST, REACH
from replica.holdings import Product
from replica.simulation import cassiopeia
from replica.simulation.noise import generator
from replica.simulation.photometry import POGSON, flux_errors, merged, neighbours, noise_area
from replica.simulation.render import Drawn, moffat, sources_on
from replica.simulation.sky import HALF_AXES, PULSAR

Columns = dict[str, np.ndarray]

_NAMES = tuple(BANDS)
_ARCSECONDS = PIXEL * 3600  # in a pixel
#: Sources closer than this are seen as one: 0.9 of the images' resolution, where two equal ones
#: begin to have two peaks.
_RESOLVED = 7.4 / _ARCSECONDS
#: Light of brighter sources at a source's place, in units of its own peak, in which it is no peak.
_OUTSHONE = 0.4
_REACH = 9.0  # pixels from which light of others enters a fit
#: Integral of the square of two profiles' overlap, over that of the overlap, which is the noise
#: area.  Integrated numerically for the Moffat profile; 1/2 for Gaussians.
_SQUARED = 0.44
_BESIDE = 40  # pixels beside a tile from which sources are taken
_GLARE = 18.0  # pixels from which a bright source can hide a faint one
#: Relative error that no measurement goes below: the smallest errors in the real catalogue are
#: 0.02 magnitudes.
_FLOOR = 0.02
#: Share of a neighbour's light that a common fit gives to the wrong one; an assumption.
_SHARED = 0.1
#: Share of the light of hidden sources that is not known to be theirs; an assumption.
_HIDDEN = 0.5
_STANDS_OUT = 4.0  # signal to noise of a source that is not merely part of the haze
_DETECTED = 5.0  # signal to noise that a source has in one band at least
_SPIKE = 3.0  # pixels from the middle of a spike
#: Share of a remnant's surface brightness by which its structure misleads a fit; an assumption.
_STRUCTURE = 0.05
#: The remnants: centre, square arcseconds, flux in each band in jansky.
_REMNANTS = (
    (PULSAR, np.pi * HALF_AXES[0] * HALF_AXES[1], [band.nebula_flux for band in BANDS.values()]),
    (
        cassiopeia.CENTRE,
        np.pi * cassiopeia.BLAST_WAVE**2,
        [
            band.cassiopeia_dust + cassiopeia.synchrotron_flux(band.wavelength * 1e-6)
            for band in BANDS.values()
        ],
    ),
)


@dataclass(frozen=True)
class Seen:
    """Sources on a tile as its images show them, before noise.

    Attributes
    ----------
    x, y : ndarray
        Pixels from 0, of the middle of the light that is seen as one source.
    moving : tuple of ndarray
        Proper motion in right ascension and declination, mas a year.
    light : ndarray, shape (4, sources)
        DN in each band.
    confusion : ndarray, shape (4, sources)
        Noise from the sources that are not listed, and from those fitted together, DN.
    fitted : ndarray of int
        Number of listed sources near enough to be fitted together.
    """

    x: np.ndarray
    y: np.ndarray
    moving: tuple[np.ndarray, np.ndarray]
    light: np.ndarray
    confusion: np.ndarray
    fitted: np.ndarray


def measure(tile: Product, tiles: Iterable[Product]) -> Columns:
    """Return the columns of the catalogue for one tile.

    Parameters
    ----------
    tile : Product
        One of its images.
    tiles : iterable of Product
        One image of each tile that is held: a source on several is listed on the one on whose
        border it is least.

    Returns
    -------
    dict of str to ndarray
        The stored columns of ``source_catalogue.csv``.
    """
    rng = generator("allwise_p3as_psd", tile.obs_id)
    wcs = wcs_of(tile)
    drawn = sources_on((SIZE, SIZE), wcs)
    seen = _seen(drawn)
    errors = _errors(seen, wcs)
    # What hides in a source's light is in it already: confusion is not drawn once more.
    flux = seen.light + rng.standard_normal(seen.light.shape) * errors
    reported = np.hypot(errors, seen.confusion)
    snr = flux / reported
    ra, dec = wcs.all_pix2world(seen.x, seen.y, 0)
    on_tile = (np.minimum(seen.x, seen.y) > 0) & (np.maximum(seen.x, seen.y) < SIZE - 1)
    chosen = (snr.max(axis=0) > _DETECTED) & on_tile & _is_innermost(tile, tiles, ra, dec)
    chosen = np.flatnonzero(chosen)[np.argsort(dec[chosen], kind="stable")]
    columns = _positions(rng, seen, wcs, snr, chosen)
    columns |= _identifiers(tile, columns)
    columns |= _photometry(rng, seen, flux, reported, chosen)
    columns |= _flags(columns, snr[:, chosen], drawn, wcs)
    columns |= _coverage(rng, tile, columns, snr[:, chosen])
    return columns


def _seen(drawn: Drawn) -> Seen:
    """Merge what is too close, and find what is too faint for itself."""
    x, y = drawn.x, drawn.y
    flux = np.array(
        [band.flux_of_zero * 10 ** (-0.4 * drawn.magnitude[name]) for name, band in BANDS.items()]
    )
    noise = np.array([_noise(band) for band in BANDS.values()])[:, None]
    brightness = (flux / noise).max(axis=0)
    kept = (np.minimum(x, y) > -_BESIDE) & (np.maximum(x, y) < SIZE + _BESIDE)
    kept &= brightness > 0.8
    x, y, flux, brightness = x[kept], y[kept], flux[:, kept], brightness[kept]
    host = merged(x, y, brightness, _RESOLVED)
    one, other, distance = neighbours(x, y, _GLARE)
    one, other = np.concatenate([one, other]), np.concatenate([other, one])
    distance = np.concatenate([distance, distance])
    outshone = _outshone(one, other, distance, brightness)
    near = distance < _REACH
    one, other, distance = one[near], other[near], distance[near]
    overlap = np.exp(-((distance / _spread(BANDS["W1"])) ** 2) / 4)
    lost = host[other] == one
    light = flux + _added(one[lost], (flux[:, other] * overlap)[:, lost], x.size)
    alone = host == np.arange(x.size)
    strong = (light / noise).max(axis=0) > _STANDS_OUT
    listed = alone & ~outshone & strong
    haze, glow = (
        _added(one[kind], (flux[:, other] * overlap)[:, kind], x.size)
        for kind in (
            listed[one] & (alone & ~strong)[other],
            listed[one] & (alone & outshone & strong)[other],
        )
    )
    # The sky around a source holds as much haze, and is subtracted.
    light += glow + haze - haze[:, listed].mean(axis=1, keepdims=True)
    weight = flux[0, other] * overlap / np.maximum(light[0, one], 1e-9)
    middle_x = x + _added(one[lost], (weight * (x[other] - x[one]))[None, lost], x.size)[0]
    middle_y = y + _added(one[lost], (weight * (y[other] - y[one]))[None, lost], x.size)[0]
    together = listed[one] & listed[other]
    fitted = 1 + np.bincount(one[together], minlength=x.size)
    mixed = _added(one[together], ((flux[:, other] * overlap)[:, together]) ** 2, x.size)
    confusion = np.sqrt(
        _variance(flux[:, brightness <= _STANDS_OUT])
        + (_SHARED**2 * mixed + (_HIDDEN * glow) ** 2)[:, listed]
    )
    motion = tuple(part[kept][listed] for part in (drawn.pmra, drawn.pmdec))
    return Seen(
        middle_x[listed],
        middle_y[listed],
        (motion[0], motion[1]),
        light[:, listed],
        confusion,
        fitted[listed],
    )


def _variance(flux: np.ndarray) -> np.ndarray:
    """Variance of a profile fit to the light of sources all over a tile, shape (bands, 1).

    By Campbell's theorem: the sum of the squares of what each gives to fits at all places.
    """
    areas = [_SQUARED * noise_area(band.fwhm / _ARCSECONDS) for band in BANDS.values()]
    return (np.array(areas) * np.sum(flux**2, axis=1) / (SIZE + 2 * _BESIDE) ** 2)[:, None]


def _outshone(
    one: np.ndarray, other: np.ndarray, distance: np.ndarray, brightness: np.ndarray
) -> np.ndarray:
    """Sources that are no peak of their own in the light of brighter ones."""
    brighter = brightness[other] > brightness[one]
    one, other, distance = one[brighter], other[brighter], distance[brighter]
    fwhm = BANDS["W1"].fwhm / _ARCSECONDS
    profile = moffat(distance**2, fwhm) / moffat(np.zeros(1), fwhm)
    glare = np.bincount(one, brightness[other] * profile, brightness.size)
    return glare > _OUTSHONE * brightness


def _added(place: np.ndarray, values: np.ndarray, size: int) -> np.ndarray:
    """Sum values by place, for each row."""
    return np.array([np.bincount(place, row, size) for row in values])


def _spread(band: Band) -> float:
    """Standard deviation of a star's image, pixels."""
    return band.fwhm / _ARCSECONDS / 2.3548


def _noise(band: Band) -> float:
    """Error of the flux of a faint star, DN."""
    fwhm = band.fwhm / _ARCSECONDS
    return float(flux_errors(np.zeros(1), SHARED_NOISE * band.noise, fwhm)[0])


def _errors(seen: Seen, wcs: WCS) -> np.ndarray:
    """Errors of the fluxes in DN: noise of the sky, the floor, structure of a remnant."""
    noise = np.array([[_noise(band)] for band in BANDS.values()])
    errors = np.hypot(noise, _FLOOR * seen.light)
    for centre, area, fluxes in _REMNANTS:
        x, y = wcs.all_world2pix(*centre, 0)
        inside = np.hypot(seen.x - x, seen.y - y) * _ARCSECONDS < np.sqrt(area / np.pi) * 1.2
        for n, (band, flux) in enumerate(zip(BANDS.values(), fluxes, strict=True)):
            brightness = flux / band.zero_flux * band.flux_of_zero * _ARCSECONDS**2 / area
            misled = _STRUCTURE * brightness * noise_area(band.fwhm / _ARCSECONDS)
            errors[n] = np.hypot(errors[n], misled * inside)
    return errors


def _is_innermost(
    tile: Product, tiles: Iterable[Product], ra: np.ndarray, dec: np.ndarray
) -> np.ndarray:
    """Whether no other tile has a place farther from its border."""
    own = _to_centre(tile, ra, dec)
    others = [_to_centre(each, ra, dec) for each in tiles if each.obs_id != tile.obs_id]
    return np.all([own < other for other in others], axis=0) if others else own < np.inf


def _to_centre(tile: Product, ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
    """Degrees from the middle of a tile along the axis on which that is more."""
    east = (ra - tile.ra + 180) % 360 - 180
    return np.maximum(np.abs(east) * np.cos(np.radians(tile.dec)), np.abs(dec - tile.dec))


def _positions(
    rng: np.random.Generator, seen: Seen, wcs: WCS, snr: np.ndarray, chosen: np.ndarray
) -> Columns:
    """Measured places: errors as of AllWISE, 0.03 arcseconds and more for faint sources."""
    best = snr.max(axis=0)[chosen]
    sigma = np.hypot(0.03, 3.0 / best)
    x = seen.x[chosen] + rng.normal(0, sigma) / _ARCSECONDS
    y = seen.y[chosen] + rng.normal(0, sigma) / _ARCSECONDS
    ra, dec = wcs.all_pix2world(x, y, 0)
    place = SkyCoord(ra, dec, unit="deg")
    galactic, ecliptic = place.galactic, place.barycentricmeanecliptic
    slow = 30 + 15_000 / best  # mas a year, from two epochs half a year apart
    columns = {
        "sigpmra": np.rint(slow).astype(int),
        **{"ra": ra.round(7), "dec": dec.round(7), "wx": (x + 1).round(3), "wy": (y + 1).round(3)},
        **{"sigra": sigma.round(4)},
        **{"glon": galactic.l.deg.round(7), "glat": galactic.b.deg.round(7)},
        **{"elon": ecliptic.lon.deg.round(7), "elat": ecliptic.lat.deg.round(7)},
    }
    for axis, motion, scale in (
        ("ra", seen.moving[0], np.cos(np.radians(dec))),
        ("dec", seen.moving[1], 1.0),
    ):
        shift = rng.normal(0, sigma) / 3600 / scale
        columns[f"{axis}_pm"] = (columns[axis] + shift).round(7)
        columns[f"pm{axis}"] = np.rint(motion[chosen] + rng.normal(0, slow)).astype(int)
    return columns


def _identifiers(tile: Product, columns: Columns) -> Columns:
    """Names and numbers.

    ``cntr`` is made of the tile's name and the number: which rule IRSA's follow is not known.
    """
    number = np.arange(1, columns["ra"].size + 1)
    names = map(_designation, columns["ra"].tolist(), columns["dec"].tolist())
    coadd = tile.obs_id
    base = int(coadd[:4] + ("1" if coadd[4] == "p" else "2") + coadd[5:8]) * 10**6
    return {
        "designation": np.array(list(names)),
        "src": number,
        "cntr": base + number,
        "coadd_id": np.full(number.size, coadd),
    }


def _designation(ra: float, dec: float) -> str:
    """The name of a place, hhmmss.ss+ddmmss.s: it is cut, not rounded."""
    minutes, time = divmod(int(ra * 24000), 6000)  # hundredths of a second
    turns, arc = divmod(int(abs(dec) * 36000), 600)  # tenths of an arcsecond
    east = f"{minutes // 60:02d}{minutes % 60:02d}{time // 100:02d}.{time % 100:02d}"
    north = f"{turns // 60:02d}{turns % 60:02d}{arc // 10:02d}.{arc % 10}"
    return f"{east}{'-' if dec < 0 else '+'}{north}"


def _photometry(
    rng: np.random.Generator,
    seen: Seen,
    flux: np.ndarray,
    reported: np.ndarray,
    chosen: np.ndarray,
) -> Columns:
    """Magnitudes, or upper limits of two sigma where there is less than that."""
    columns: Columns = {"nb": seen.fitted[chosen]}
    worse = 1 + 0.05 * np.maximum(columns["nb"] - 1, 0)
    for n, (name, band) in enumerate(BANDS.items()):
        value, error = flux[n, chosen], reported[n, chosen]
        snr = value / error
        limit = snr < 2
        shown = np.where(limit, np.maximum(value, 0) + 2 * error, value)
        key = name.lower()
        columns[f"{key}mpro"] = (band.zero_magnitude - 2.5 * np.log10(shown)).round(3)
        columns[f"{key}sigmpro"] = np.where(limit, np.nan, POGSON / np.maximum(snr, 1)).round(3)
        columns[f"{key}snr"] = snr.round(1)
        columns[f"{key}rchi2"] = (worse * rng.normal(0.95, 0.08, snr.size)).round(3)
        columns[f"{key}flux"] = value.round(3)
        columns[f"{key}sigflux"] = error.round(3)
        columns[f"{key}conf"] = seen.confusion[n, chosen].round(3)
        over = SATURATED[name] - columns[f"{key}mpro"]
        columns[f"{key}sat"] = np.where(over > 0, np.clip(0.02 * 10 ** (0.3 * over), 0, 0.9), 0)
        columns[f"{key}sat"] = columns[f"{key}sat"].round(3)
    every = [columns[f"{name.lower()}rchi2"] for name in _NAMES]
    columns["rchi2"] = np.mean(every, axis=0).round(3)
    return columns


def _flags(columns: Columns, snr: np.ndarray, drawn: Drawn, wcs: WCS) -> Columns:
    """Flags of four letters, one a band."""
    turn = ecliptic_angle(wcs) + np.radians(45)
    artifacts = [_artifacts(columns, name, drawn, turn) for name in _NAMES]
    quality = np.select([snr > 10, snr > 3, snr > 2], ["A", "B", "C"], "U")
    saturated = np.array([columns[f"{name.lower()}sat"] > 0 for name in _NAMES])
    detected = (snr > 2) * (1 << np.arange(4))[:, None]
    return {
        "ph_qual": _words(quality),
        "satnum": _words(np.where(saturated, "1", "0")),
        "var_flg": _words(np.where(snr > 2, "0", "n")),
        "cc_flags": _words(np.array(artifacts)),
        "det_bit": detected.sum(axis=0),
    }


def _words(letters: np.ndarray) -> np.ndarray:
    """Words of the letters of each column."""
    return np.ascontiguousarray(letters.T.astype("U1")).view("U4")[:, 0]


def _artifacts(columns: Columns, name: str, drawn: Drawn, turn: float) -> np.ndarray:
    """Letters: d on a diffraction spike and h in the halo of a brighter star, 0 elsewhere."""
    magnitude = drawn.magnitude[name]
    order = np.argsort(columns["wx"], kind="stable")
    wx, wy = columns["wx"][order], columns["wy"][order]
    own = columns[f"{name.lower()}mpro"][order]
    found = np.full(own.size, "0")
    for n in np.flatnonzero(magnitude < FAINTEST):
        x, y = drawn.x[n] + 1, drawn.y[n] + 1
        stretch = 2 ** ((5 - magnitude[n]) / 5) / _ARCSECONDS
        first, last = np.searchsorted(wx, (x - REACH["D"] * stretch, x + REACH["D"] * stretch))
        part = slice(first, last)
        distance = np.hypot(wx[part] - x, wy[part] - y)
        angle = (np.arctan2(wy[part] - y, wx[part] - x) - turn) % (np.pi / 2)
        aside = distance * np.sin(np.minimum(angle, np.pi / 2 - angle))
        fainter = own[part] > magnitude[n] + 2
        in_halo = fainter & (distance < REACH["H"] * stretch)
        on_spike = fainter & (distance < REACH["D"] * stretch) & (aside < _SPIKE)
        found[part] = np.select([on_spike, in_halo], ["d", "h"], found[part])
    letters = np.empty_like(found)
    letters[order] = found
    return letters


def _coverage(
    rng: np.random.Generator, tile: Product, columns: Columns, snr: np.ndarray
) -> Columns:
    """Exposures of each place, and those of them that show the source at 3 sigma."""
    found: Columns = {}
    # The exposures of W1 are those of W2, and of W3 those of W4.
    place = columns["wx"] - 1, columns["wy"] - 1
    depths = {name: depth(tile, name, *place) for name in ("W1", "W3")}
    for n, name in enumerate(_NAMES):
        key = name.lower()
        exposures = depths["W1" if n < 2 else "W3"]
        single = snr[n] / np.sqrt(np.maximum(exposures, 1))
        shown = 1 / (1 + np.exp(-1.7 * np.clip(single - 3, -20, 20)))
        found[f"{key}cov"] = exposures.astype(float).round(3)
        found[f"{key}m"] = exposures.astype(int)
        found[f"{key}nm"] = rng.binomial(exposures.astype(int), shown)
    return found
