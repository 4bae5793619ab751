"""The simulated files: the Crab where it is, shaped as published, headers like the real ones."""

from __future__ import annotations

import gzip
import hashlib
import io
import subprocess
import sys
import warnings
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import unlzw3
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS, FITSFixedWarning
from PIL import Image
from products import find, made

from replica.archives.irsa.allwise import BANDS as WISE_BANDS
from replica.archives.mast import panstarrs
from replica.archives.mast.panstarrs import BANDS as PS1_BANDS
from replica.archives.mast.tessellation import skycell
from replica.holdings import Product
from replica.simulation.photometry import POGSON
from replica.simulation.stars import catalogue
from validation.fits import kinds

PULSAR = SkyCoord(83.633210, 22.014460, unit="deg")

WISE_TILE = "0830p227_ac51-{}-3.fits"
PS1_STACK = "1784.059.stk.r.unconv.fits"
ACIS_CENTRE = "acisf13751N004_cntr_img2.fits.gz"
ROSAT_EVENTS = "rs931315n00_bas.fits.Z"

#: Odd cases, and files that other tests look at too; the rest of the kinds follow by themselves.
LOOKED_AT = [
    WISE_TILE.format("w1-int"),
    WISE_TILE.format("w4-int"),
    WISE_TILE.format("w1-unc") + ".gz",
    WISE_TILE.format("w4-cov") + ".gz",
    PS1_STACK,
    "1784.059.stk.r.unconv.mask.fits",
    "1784.058.stk.g.unconv.exp.fits",
    "acisf17503N002_full_img2.fits.gz",
    "hrcf14684N002_cntr_img2.fits.gz",
    "acisf04634N004_cntr_img2.fits.gz",
    ROSAT_EVENTS,
]


def every_kind() -> list[str]:
    """Keys of files: those of LOOKED_AT, and one of every kind that is not among them."""
    chosen = [find(ending) for ending in LOOKED_AT]
    seen = {(each.archive, each.collection, each.kind) for each in chosen}
    others = [p for p in kinds() if (p.archive, p.collection, p.kind) not in seen]
    return [product.key for product in (*chosen, *others)]


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@lru_cache(maxsize=2)
def plain_bytes(path: Path) -> bytes:
    """The FITS file itself, out of its compression."""
    packed = path.read_bytes()
    if path.suffix == ".Z":
        return unlzw3.unlzw(packed)
    return gzip.decompress(packed) if path.suffix == ".gz" else packed


def opened(path: Path, **options) -> fits.HDUList:
    """Open a product, whatever its compression."""
    return fits.open(io.BytesIO(plain_bytes(path)), **options)


def quiet_wcs(header: fits.Header, **options) -> WCS:
    """The header's WCS, without the remarks on old-style cards that real headers earn too."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FITSFixedWarning)
        return WCS(header, **options)


def pulsar_pixel(header: fits.Header) -> tuple[float, float]:
    x, y = quiet_wcs(header).world_to_pixel(PULSAR)
    return float(x), float(y)


def linear_flux(image: fits.ImageHDU, *window: slice) -> np.ndarray:
    """Counts of a PS1 stack, blank pixels 0."""
    code = np.nan_to_num(image.section[window])
    sinh = np.sinh(code / np.float32(POGSON))
    return image.header["BOFFSET"] + 2 * image.header["BSOFTEN"] * sinh


def moments(weight: np.ndarray, east: np.ndarray, north: np.ndarray) -> tuple[float, float]:
    """Axis ratio of a light distribution, and its long axis in degrees east of north."""
    covariance = np.cov(np.stack([east.ravel(), north.ravel()]), aweights=weight.ravel())
    values, vectors = np.linalg.eigh(covariance)
    angle = np.degrees(np.arctan2(vectors[0, 1], vectors[1, 1])) % 180
    return float(np.sqrt(values[0] / values[1])), float(angle)


# Files as such


@pytest.mark.parametrize("ending", every_kind())
def test_every_file_is_valid_fits_and_says_simulated(ending):
    data = plain_bytes(made(ending))
    assert len(data) % 2880 == 0
    with fits.open(io.BytesIO(data)) as hdus:
        hdus.verify("exception")
        assert "Simulated" in str(hdus[0].header["HISTORY"])


def smallest_of_each_simulator() -> list[Product]:
    """The product of each simulator that makes the smallest file, of those made anyway."""
    by_size = sorted(every_kind(), key=lambda key: made(key).stat().st_size, reverse=True)
    found = {find(key).simulator: find(key) for key in by_size}
    return list(found.values())


def test_another_process_makes_the_same_bytes(tmp_path):
    preview = find("acisf13751N004_cntr_img2.jpg")
    products = [*smallest_of_each_simulator(), find(ACIS_CENTRE), find(ROSAT_EVENTS), preview]
    keys = [product.key for product in products]
    code = (
        "import sys, pathlib; from replica.holdings import holdings;"
        "from replica.simulation import simulate;"
        "[simulate(product, pathlib.Path(sys.argv[1]) / product.filename)"
        " for product in holdings() if product.key in sys.argv[2:]]"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path), *keys], check=True)
    first = {find(key).filename: digest(made(key)) for key in keys}
    assert {path.name: digest(path) for path in tmp_path.iterdir()} == first


@pytest.mark.parametrize(
    ("ending", "smallest", "largest"),
    [
        (WISE_TILE.format("w1-int"), 67_083_840, 67_083_840),
        (WISE_TILE.format("w4-int"), 67_083_840, 67_083_840),
        (WISE_TILE.format("w1-unc") + ".gz", 100_000, 4_000_000),
        (PS1_STACK, 66_000_000, 70_000_000),
        ("1784.059.stk.r.unconv.mask.fits", 100_000, 2_000_000),
        (ACIS_CENTRE, 50_000, 1_000_000),
        (ROSAT_EVENTS, 1_500_000, 5_000_000),
    ],
)
def test_sizes_are_those_of_the_real_files(ending, smallest, largest):
    assert smallest <= made(ending).stat().st_size <= largest


@pytest.mark.parametrize(
    ("ending", "hdu", "facts"),
    [
        (
            WISE_TILE.format("w1-int"),
            0,
            dict(BITPIX=-32, NAXIS1=4095, NAXIS2=4095, CTYPE1="RA---SIN", CRPIX1=2048.0)
            | dict(CDELT1=-0.0003819444391411, CDELT2=0.0003819444391411, CROTA2=0.0)
            | dict(EQUINOX=2000.0, WAVELEN=3.368, BAND=1, COADDID="0830p227_ac51")
            | dict(FILETYPE="intensity image", BUNIT="DN", TELESCOP="WISE", MAGZP=20.5),
        ),
        (
            WISE_TILE.format("w1-unc") + ".gz",
            0,
            dict(FILETYPE="1-sigma uncertainty image", BUNIT="DN", NAXIS1=4095),
        ),
        (
            WISE_TILE.format("w4-cov") + ".gz",
            0,
            dict(FILETYPE="depth-of-coverage image", BUNIT="effective pixels", WAVELEN=22.194),
        ),
        (
            PS1_STACK,
            1,
            {"HIERARCH FPA.FILTERID": "r.00000", "HIERARCH FPA.ZP": 25.0, "PC001001": -1.0}
            | dict(NAXIS1=6279, NAXIS2=6261, CTYPE1="RA---TAN", CRVAL1=85.7142791747971)
            | dict(CRPIX1=-22955.0, CRPIX2=242.0, EXPTIME=560.0, PSCAMERA="GPC1")
            | dict(STK_TYPE="DEEP_STACK", SKYCELL="skycell.1784.059"),
        ),
        (
            "u2u60201t_drz.fits",
            0,
            dict(TELESCOP="HST", INSTRUME="WFPC2", FILTNAM1="F502N", BITPIX=-32),
        ),
        (
            ACIS_CENTRE,
            0,
            dict(TELESCOP="CHANDRA", INSTRUME="ACIS", DETNAM="ACIS-7", OBS_ID="13751")
            | dict(OBJECT="Crab Nebula", MJDREF=50814.0, TIMESYS="TT", RADESYS="ICRS")
            | dict(EQUINOX=2000.0, EXPOSURE=5000.0, BITPIX=16, NAXIS1=1024, NAXIS2=1024)
            | {"CTYPE1": "RA---TAN", "DATE-OBS": "2012-01-12T04:11:09"},
        ),
        ("hrcf14684N002_cntr_img2.fits.gz", 0, dict(INSTRUME="HRC", DETNAM="HRC-I")),
        ("acisf04634N004_cntr_img2.fits.gz", 0, dict(OBJECT="Cas A")),
        (ROSAT_EVENTS, 0, dict(TELESCOP="ROSAT", INSTRUME="PSPCC", NAXIS=0)),
        (ROSAT_EVENTS, 2, dict(EXTNAME="STDEVT", TCTYP1="RA---TAN", TCTYP2="DEC--TAN")),
        ("rs931315n00_mex.fits", 0, dict(BITPIX=-32, BUNIT="s")),
    ],
)
def test_headers_hold_the_facts_of_the_real_ones(ending, hdu, facts):
    with opened(made(ending)) as hdus:
        header = hdus[hdu].header
        assert {key: header[key] for key in facts} == facts


def test_wise_and_ps1_headers_name_no_reference_frame():
    wise, ps1 = fits.getheader(made(LOOKED_AT[0])), fits.getheader(made(PS1_STACK), 1)
    assert "RADESYS" not in wise
    assert not {"RADESYS", "EQUINOX"} & set(ps1)


# Where things are


@pytest.mark.parametrize(
    ("ending", "hdu", "place"),
    [(WISE_TILE.format("w1-int"), 0, (697.8, 211.1)), (PS1_STACK, 1, (4836.1, 638.4))],
)
def test_the_pulsar_is_a_peak_at_its_coordinates(ending, hdu, place):
    with fits.open(made(ending)) as hdus:
        x, y = pulsar_pixel(hdus[hdu].header)
        column, row = round(x), round(y)
        stamp = hdus[hdu].section[row - 5 : row + 6, column - 5 : column + 6]
    assert (x, y) == pytest.approx(place, abs=0.1)
    peak = np.unravel_index(np.nanargmax(stamp), stamp.shape)
    assert np.max(np.abs(np.array(peak) - 5)) <= 1


@pytest.mark.parametrize("ending", ["stk.g.unconv.fits", "stk.g.unconv.wt.fits"])
@pytest.mark.parametrize("name", ["1784.058", "1784.059", "2453.067", "2453.077"])
def test_skycells_lie_where_the_holdings_say(name, ending):
    product = find(f"{name}.{ending}")
    cell = skycell(product.target)
    centre = (cell.width - 1) / 2, (cell.height - 1) / 2
    found = quiet_wcs(panstarrs._header(product)).pixel_to_world(*centre)
    assert found.separation(SkyCoord(product.ra, product.dec, unit="deg")).arcsec < 0.25


@pytest.mark.parametrize("ending", [ACIS_CENTRE, "acisf04607N003_cntr_img2.fits.gz"])
def test_the_piled_up_pulsar_is_a_hole_with_a_bright_rim(ending):
    counts, header = fits.getdata(made(ending), header=True)
    x, y = pulsar_pixel(header)
    row, column = np.indices(counts.shape)
    radius = np.hypot(column - x, row - y)
    hole, rim, outside = (
        counts[(radius >= low) & (radius < high)].mean() for low, high in ((0, 2), (4, 7), (11, 15))
    )
    assert hole < 0.5 * outside < 0.5 * rim


def test_the_pulsar_is_the_brightest_pixel_of_hrc():
    counts, header = fits.getdata(made("hrcf14684N002_cntr_img2.fits.gz"), header=True)
    row, column = np.unravel_index(counts.argmax(), counts.shape)
    assert (column, row) == pytest.approx(pulsar_pixel(header), abs=1.5)


def test_chandra_images_are_centred_on_the_row():
    product = find(ACIS_CENTRE)
    header = fits.getheader(made(ACIS_CENTRE))
    centre = quiet_wcs(header).pixel_to_world(511.5, 511.5)
    assert centre.separation(SkyCoord(product.ra, product.dec, unit="deg")).arcsec < 0.01
    assert abs(header["CDELT1"]) * header["NAXIS1"] == pytest.approx(product.width, rel=1e-4)


# What the Crab looks like


def chord(blocks: np.ndarray, middle: tuple[float, float], angle: float) -> float:
    """Arcseconds through a row and column on which a nebula shines, at a position angle in degrees.

    Blocks are 10 arcseconds wide.
    """
    limit = 0.015 * np.percentile(blocks, 99)
    length = 0.0
    for turn in (0, 180):
        east, north = np.sin(np.radians(angle + turn)), np.cos(np.radians(angle + turn))
        distance = np.arange(0, 260, 5.0)
        row = (middle[0] + distance * north / 10).astype(int)
        column = (middle[1] - distance * east / 10).astype(int)
        inside = (row >= 0) & (row < blocks.shape[0])
        length += distance[inside][blocks[row[inside], column[inside]] > limit].max()
    return length


def test_the_optical_nebula_has_the_published_size_and_angle():
    """420 by 290 arcseconds at an angle of 125 degrees: Hester 2008."""
    with fits.open(made(PS1_STACK)) as hdus:
        flux = linear_flux(hdus[1], slice(0, 1720), slice(3600, 6000))
        x, y = pulsar_pixel(hdus[1].header)
    # Medians of squares of 10 arcseconds are free of stars.
    blocks = np.median(flux.reshape(43, 40, 60, 40).swapaxes(1, 2).reshape(43, 60, -1), axis=2)
    blocks -= np.percentile(blocks, 5)
    # The centre is 6 arcseconds east and 5 south of the pulsar.
    middle = (y - 5 / 0.25) / 40, (x - 3600 - 6 / 0.25) / 40
    angles = np.arange(0, 180, 5)
    lengths = np.array([chord(blocks, middle, angle) for angle in angles])
    assert chord(blocks, middle, 125) == pytest.approx(420, rel=0.15)
    assert chord(blocks, middle, 35) == pytest.approx(290, rel=0.15)
    doubled = np.radians(2 * angles)
    longest = np.degrees(np.arctan2(lengths @ np.sin(doubled), lengths @ np.cos(doubled))) / 2
    assert longest % 180 == pytest.approx(125, abs=10)


def test_the_x_ray_torus_is_tilted_as_published():
    counts, header = fits.getdata(made("acisf04607N003_cntr_img2.fits.gz"), header=True)
    x, y = pulsar_pixel(header)
    row, column = np.indices(counts.shape)
    east, north = -(column - x) * 0.492, (row - y) * 0.492
    near = np.hypot(east, north) < 70
    bright = near & (counts > 0.3 * np.percentile(counts[near], 99))
    ratio, angle = moments(bright[bright], east[bright], north[bright])
    assert angle == pytest.approx(125 - 90, abs=6)
    assert 0.3 < ratio < 0.7  # the circle inclined by 62 degrees: 0.47


def test_the_north_western_side_of_the_torus_is_brighter():
    counts, header = fits.getdata(made(ACIS_CENTRE), header=True)
    x, y = pulsar_pixel(header)
    angle = np.radians(125)
    sides = []
    for distance in (-19.0, 19.0):  # the torus on the spin axis, north-west and south-east
        column = round(x - distance * np.sin(angle) / 0.492)
        row = round(y + distance * np.cos(angle) / 0.492)
        sides.append(counts[row - 6 : row + 7, column - 6 : column + 7].mean())
    assert sides[0] > 1.5 * sides[1]


def nebula_jansky(path: Path, band: str) -> float:
    """Flux within 230" of the pulsar above the ring around it."""
    with fits.open(path) as hdus:
        image, header = hdus[0].section[:480, 420:980], hdus[0].header
    x, y = pulsar_pixel(header)
    row, column = np.indices(image.shape)
    radius = np.hypot(column + 420 - x, row - y) * 1.375
    sky = np.median(image[(radius > 275) & (radius < 320)])
    magnitude = header["MAGZP"] - 2.5 * np.log10((image[radius < 230] - sky).sum())
    return WISE_BANDS[band].zero_flux * 10 ** (-0.4 * magnitude)


def test_the_nebula_brightens_strongly_from_w1_to_w4():
    w1 = nebula_jansky(made(WISE_TILE.format("w1-int")), "W1")
    w4 = nebula_jansky(made(WISE_TILE.format("w4-int")), "W4")
    assert 4 < w4 / w1 < 6
    assert w1 == pytest.approx(12, rel=0.15)


def widths_of_stars(image: np.ndarray, wcs: WCS, band: str, range_: tuple, reach: int) -> list:
    """Full widths at half maximum, pixels, of lonely stars centred on a pixel."""
    stars = catalogue((82, 84.9), (21, 23.9))
    x, y = wcs.all_world2pix(stars["ra"], stars["dec"], 0)
    offset = np.hypot(x - np.rint(x), y - np.rint(y))
    far = np.hypot(stars["ra"] - PULSAR.ra.deg, stars["dec"] - PULSAR.dec.deg) > 0.12
    inside = (
        (np.minimum(x, y) > reach) & (x < image.shape[1] - reach) & (y < image.shape[0] - reach)
    )
    bright = (stars[band] > range_[0]) & (stars[band] < range_[1])
    widths = []
    for index in np.flatnonzero(inside & bright & far & (offset < 0.15))[:300]:
        column, row = round(x[index]), round(y[index])
        line = image[row, column - reach : column + reach + 1]
        star = line - np.median(image[row - reach : row + reach + 1, column - reach])
        half = star[reach] / 2
        sides = [
            np.interp(-half, -side, np.arange(reach + 1.0))
            for side in (star[reach:], star[reach::-1])
        ]
        widths.append(sum(sides))
    return widths


def test_wise_stars_are_as_wide_as_published():
    image, header = fits.getdata(made(WISE_TILE.format("w1-int")), header=True)
    widths = widths_of_stars(image, WCS(header), "W1", (9, 12), 10)
    assert len(widths) > 20
    assert np.median(widths) * 1.375 == pytest.approx(8.25, rel=0.05)


def test_ps1_stars_are_as_wide_as_published():
    with fits.open(made(PS1_STACK)) as hdus:
        flux, header = linear_flux(hdus[1], slice(0, 3000), slice(None)), hdus[1].header
    widths = widths_of_stars(flux, quiet_wcs(header), "r", (14.5, 18.5), 9)
    assert len(widths) > 20
    assert np.median(widths) * 0.25 == pytest.approx(PS1_BANDS["r"].seeing, rel=0.05)


# Noise and scaling


def test_chandra_background_is_poisson():
    counts, header = fits.getdata(made("acisf04634N004_cntr_img2.fits.gz"), header=True)
    row, column = np.indices(counts.shape)
    radius = np.hypot(row - 511.5, column - 511.5) * 0.492
    roll = np.radians(header["ROLL_NOM"])
    across = -(column - 511.5) * np.cos(roll) - (row - 511.5) * np.sin(roll)
    sky = counts[(radius > 205) & (radius < 215) & (np.abs(across) > 350)].astype(float)
    assert sky.size > 1000
    assert sky.var() / sky.mean() == pytest.approx(1, abs=6 * np.sqrt(2 / sky.size))


def test_chandra_counts_follow_the_exposure():
    short, long = (
        fits.getdata(made(ending)).sum(dtype=int) / find(ending).exposure
        for ending in ("acisf19650N002_cntr_img2.fits.gz", "acisf04607N003_cntr_img2.fits.gz")
    )
    assert short == pytest.approx(long, rel=0.03)


def test_chandra_good_times_span_the_observation():
    with opened(made(ACIS_CENTRE)) as hdus:
        times, header = hdus["GTI"].data, hdus[0].header
        assert (times["START"][0], times["STOP"][-1]) == (header["TSTART"], header["TSTOP"])
        assert header["TSTOP"] - header["TSTART"] >= header["ONTIME"] >= header["EXPOSURE"]


@pytest.mark.parametrize("name", ["acisf13751N004_cntr_img2", "acisf04634N004_cntr_img2"])
def test_chandra_preview_shows_the_image_the_same_way_up(name):
    counts = fits.getdata(made(f"{name}.fits.gz")).astype(float)
    with Image.open(made(f"{name}.jpg")) as picture:
        brightness = np.asarray(picture.convert("L"), float)[::-1]
    assert brightness.shape == counts.shape
    assert np.corrcoef(np.log1p(counts).ravel(), brightness.ravel())[0, 1] > 0.85
    assert brightness[counts >= np.percentile(counts, 99.9)].min() > 150


def test_ps1_stack_is_the_asinh_code_in_scaled_integers():
    with fits.open(made(PS1_STACK)) as hdus:
        sky = hdus[1].section[5000:5200, 100:1100]
        header = hdus[1].header
    counts = np.sinh(sky / POGSON) * 2 * header["BSOFTEN"]
    noise = 1.4826 * np.nanmedian(np.abs(counts - np.nanmedian(counts)))
    assert sky.dtype == np.float32
    assert np.nanmin(sky) > -3.3
    # A little more than the noise: sources too faint to be seen lie everywhere.
    assert header["BSOFTEN"] < noise < 1.1 * header["BSOFTEN"]


def test_ps1_compressed_table_keeps_its_scaling_cards():
    with fits.open(made(PS1_STACK), disable_image_compression=True) as hdus:
        header = hdus[1].header
    facts = dict(
        EXTNAME="COMPRESSED_IMAGE",
        ZCMPTYPE="RICE_1",
        ZBITPIX=16,
        ZTILE1=6279,
        ZTILE2=1,
        BLANK=32767,
        ZBLANK=32767,
    )
    assert {key: header[key] for key in facts} == facts
    assert (header["BZERO"], header["BSCALE"]) == (3.452766656876, 2.02157847203e-04)


def test_ps1_saturated_stars_are_blank_and_masked():
    with fits.open(made("1784.059.stk.r.unconv.mask.fits")) as masks:
        saturated = (masks[1].data & 32) > 0
        assert masks[1].data.dtype == np.uint16
    with fits.open(made(PS1_STACK)) as hdus:
        blank = np.isnan(hdus[1].data)
    assert 0 < saturated.mean() < 0.001
    assert np.sum(blank & saturated) > 0.9 * max(blank.sum(), saturated.sum())


def test_wise_noise_is_that_of_the_uncertainty_image():
    rows, columns = slice(2000, 3000), slice(2000, 3000)
    image = fits.getdata(made(WISE_TILE.format("w4-int")))[rows, columns]
    differences = (image[:, 20:] - image[:, :-20]) / np.sqrt(2)
    measured = 1.4826 * np.median(np.abs(differences))
    assert measured == pytest.approx(WISE_BANDS["W4"].noise, rel=0.1)


# ROSAT's events


@pytest.fixture(scope="module")
def rosat() -> fits.HDUList:
    with opened(made(ROSAT_EVENTS)) as hdus:
        yield hdus


def test_rosat_events_lie_inside_the_good_times(rosat):
    times, good = rosat["STDEVT"].data["TIME"], rosat["STDGTI"].data
    interval = np.searchsorted(good["START"], times, side="right") - 1
    assert interval.min() >= 0
    assert np.all(times <= good["STOP"][interval])
    assert np.all(np.diff(times) >= 0)


def test_rosat_columns_are_those_of_the_format(rosat):
    events = rosat["STDEVT"]
    assert rosat[2] is events
    assert rosat[0].data is None
    assert events.columns.names == ["X", "Y", "PHA", "PI", "TIME", "DETX", "DETY"]
    forms = [str(form) for form in events.columns.formats]
    assert forms == ["1J", "1J", "1I", "1I", "1D", "1I", "1I"]
    assert 150_000 <= len(events.data) <= 200_000
    assert events.data["PI"].min() >= 11
    assert events.data["PI"].max() <= 240


def test_rosat_crab_is_the_brightest_blob_and_at_its_place(rosat):
    events = rosat["STDEVT"]
    wcs = quiet_wcs(events.header, keysel=["pixel"], colsel=[1, 2])
    image, _, _ = np.histogram2d(
        events.data["X"], events.data["Y"], bins=512, range=[(0.5, 46080.5)] * 2
    )
    peak = (np.array(np.unravel_index(image.argmax(), image.shape)) + 0.5) * 90
    centre = peak
    for _ in range(5):  # the wings are wide, so what is near depends on where the middle is
        near = np.hypot(events.data["X"] - centre[0], events.data["Y"] - centre[1]) < 360
        centre = events.data["X"][near].mean(), events.data["Y"][near].mean()
    found = SkyCoord(*wcs.all_pix2world(*centre, 1), unit="deg")
    assert found.separation(PULSAR).arcsec < 3
    assert near.mean() > 0.3


def test_neighbouring_skycells_show_the_same_sky():
    """The upper rows of the southern skycell are the lower ones of the northern."""
    with (
        fits.open(made(PS1_STACK)) as north,
        fits.open(made("1784.049.stk.r.unconv.fits")) as south,
    ):
        shared = 480
        low = linear_flux(north[1], slice(0, shared), slice(3000, 5500))
        high = linear_flux(south[1], slice(-shared, None), slice(3000, 5500))
    noise = PS1_BANDS["r"].softening
    assert np.std(low - high) == pytest.approx(np.sqrt(2) * noise, rel=0.05)
    assert np.corrcoef(low.ravel(), high.ravel())[0, 1] > 0.9
