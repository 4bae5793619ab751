"""Pan-STARRS' own server of images: the list at a position, cutouts, and the files."""

from __future__ import annotations

import io
from functools import lru_cache

import numpy as np
import pytest
import requests
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS
from PIL import Image

from replica.archives.mast.ps1_files import web_path
from replica.holdings import Product, select
from replica.storage.cache import ensure

pytestmark = pytest.mark.usefixtures("shared_replica")

SERVER = "https://ps1images.stsci.edu"
NAMES = f"{SERVER}/cgi-bin/ps1filenames.py"
FITSCUT = f"{SERVER}/cgi-bin/fitscut.cgi"
PULSAR = {"ra": 83.63321, "dec": 22.01446}
COLUMNS = "projcell subcell ra dec filter mjd type filename shortname badflag"


def product(kind: str = "unconv", band: str = "r", target: str = "1784.059") -> Product:
    return select(collection="PS1", kind=kind, band=band, target=target)[0]


@lru_cache
def whole(kind: str = "unconv", band: str = "r") -> tuple[np.ndarray, fits.Header]:
    """Pixels and header of a whole image."""
    with fits.open(ensure(product(kind, band))) as hdus:
        return hdus[1].data, hdus[1].header


def flux(code: np.ndarray, header: fits.Header) -> np.ndarray:
    """Linear flux, as MAST's page on PS1's stack images gives it."""
    return header["BOFFSET"] + header["BSOFTEN"] * 2 * np.sinh(code / 1.0857362)


def names(**asked: object) -> Table:
    answer = requests.get(NAMES, asked)
    assert answer.text.splitlines()[0] == COLUMNS
    return Table.read(answer.text, format="ascii")


def cutout(**asked: object) -> fits.PrimaryHDU:
    chosen = {**PULSAR, "size": 100, "format": "fits", "red": web_path(product()), **asked}
    answer = requests.get(FITSCUT, chosen)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/fits")
    with fits.open(io.BytesIO(answer.content)) as hdus:
        hdus.verify("exception")
        (hdu,) = hdus
        return hdu.copy()


def sky(header: fits.Header) -> WCS:
    """The coordinates of a header, without the old-style cards of which wcslib warns."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = header["CTYPE1"], header["CTYPE2"]
    wcs.wcs.crval = header["CRVAL1"], header["CRVAL2"]
    wcs.wcs.crpix = header["CRPIX1"], header["CRPIX2"]
    wcs.wcs.cdelt = header["PC001001"] * header["CDELT1"], header["CDELT2"]
    return wcs


# The list


def test_a_position_has_one_image_in_each_filter() -> None:
    table = names(**PULSAR)
    assert list(table["filter"]) == list("grizy")
    assert set(table["projcell"]) == {1784}
    assert set(table["subcell"]) == {59}
    assert set(table["ra"]) == {PULSAR["ra"]}
    assert set(table["badflag"]) == {0}
    assert table["filename"][1] == (
        "/rings.v3.skycell/1784/059/rings.v3.skycell.1784.059.stk.r.unconv.fits"
    )
    assert all(row["filename"].endswith(row["shortname"]) for row in table)


def test_types_and_filters_are_chosen() -> None:
    table = names(**PULSAR, filters="gi", type="stack,stack.mask,stack.wt,stack.exp,warp")
    assert len(table) == 8
    assert set(table["filter"]) == {"g", "i"}
    assert set(table["type"]) == {"stack", "stack.mask", "stack.wt", "stack.exp"}


def test_a_skycell_may_be_named() -> None:
    (row,) = names(skycell="1784.058", filters="g")
    assert (row["projcell"], row["subcell"]) == (1784, 58)
    assert row["ra"] == pytest.approx(product(target="1784.058").ra)


@pytest.mark.parametrize("each", select(collection="PS1", kind="unconv", band="g"), ids=str)
def test_the_centre_of_a_skycell_is_in_it(each: Product) -> None:
    (row,) = names(ra=each.ra, dec=each.dec, filters="g")
    assert row["shortname"] == each.filename


def test_positions_may_come_in_a_file() -> None:
    """As MAST's notebooks ask for many positions at once."""
    lines = io.StringIO("83.63321 22.01446\n83.7 22.1\n10 -20")
    asked = {"filters": "ry", "type": "stack"}
    answer = requests.post(NAMES, data=asked, files={"file": lines})
    table = Table.read(answer.text, format="ascii")
    assert list(zip(table["ra"], table["filter"], strict=True)) == [
        *((83.63321, "r"), (83.63321, "y")),
        *((83.7, "r"), (83.7, "y")),
    ]


def test_where_no_image_is_held_the_list_is_empty() -> None:
    assert len(names(ra=10, dec=41)) == 0
    assert len(names(skycell="0001.001")) == 0


def test_the_columns_may_be_separated_by_commas() -> None:
    text = requests.get(NAMES, {**PULSAR, "sep": "comma"}).text
    assert text.splitlines()[0] == COLUMNS.replace(" ", ",")


@pytest.mark.parametrize(
    ("asked", "word"),
    [
        ({"ra": "x", "dec": 1}, "ra and dec"),
        ({"ra": 1}, "ra and dec"),
        ({}, "ra and dec"),
        ({**PULSAR, "filters": "gu"}, "filters=gu: u"),
    ],
)
def test_what_the_list_cannot_understand_is_said(asked: dict, word: str) -> None:
    answer = requests.get(NAMES, asked)
    assert answer.status_code == 400
    assert word in answer.text


# Cutouts


def test_a_cutout_is_the_linear_flux_of_the_images_own_pixels() -> None:
    hdu = cutout()
    assert (hdu.header["BITPIX"], hdu.data.shape) == (-32, (100, 100))
    code, header = whole()
    x, y = sky(header).world_to_pixel_values(*PULSAR.values())
    column, row = (int(np.ceil(place - 50)) for place in (x, y))
    expected = flux(code[row : row + 100, column : column + 100], header)
    assert np.allclose(hdu.data, expected, rtol=1e-5, equal_nan=True)


def test_the_position_is_in_the_middle() -> None:
    x, y = sky(cutout().header).world_to_pixel_values(*PULSAR.values())
    assert abs(x - 49.5) <= 0.5
    assert abs(y - 49.5) <= 0.5


def test_the_coordinates_are_those_of_the_whole_image() -> None:
    header = cutout(size=80).header
    corners = np.array([[0, 0], [79, 0], [0, 79], [79, 79]])
    places = SkyCoord(sky(header).pixel_to_world(*corners.T))
    shift = np.array([whole()[1][f"CRPIX{axis}"] - header[f"CRPIX{axis}"] for axis in (1, 2)])
    expected = SkyCoord(sky(whole()[1]).pixel_to_world(*(corners + shift).T))
    assert places.separation(expected).arcsec.max() < 1e-4
    assert "shifted for cutout" in header.comments["CRPIX1"]


def test_the_cards_of_code_and_compression_are_gone_and_the_others_stay() -> None:
    header = cutout().header
    assert not {"BSOFTEN", "BOFFSET", "BZERO", "BSCALE", "BLANK", "EXTNAME"} & set(header)
    assert (header["RADESYS"], header["TIMESYS"]) == ("FK5", "TAI")
    assert header["EXPTIME"] == whole()[1]["EXPTIME"]
    assert header["HIERARCH FPA.ZP"] == 25.0
    assert "Simulated" in str(header["HISTORY"])


def test_a_cutout_may_be_centred_on_a_pixel() -> None:
    hdu = cutout(ra="", dec="", x=2001, y=1001, size=11)
    code, header = whole()
    assert hdu.data[5, 5] == pytest.approx(flux(code[1000, 2000], header), rel=1e-5)


def test_beyond_the_image_pixels_are_blank() -> None:
    hdu = cutout(ra="", dec="", x=1, y=1, size=20)
    assert np.isnan(hdu.data[:9]).all()
    assert np.isfinite(hdu.data[10:, 10:]).mean() > 0.99
    answer = requests.get(FITSCUT, {"ra": 84.5, "dec": 22, "red": web_path(product())})
    assert (answer.status_code, "outside" in answer.text) == (400, True)


def test_masks_and_exposures_are_not_decoded() -> None:
    (exposure, _), (mask, _) = whole("unconv.exp"), whole("unconv.mask")
    place = {"ra": "", "dec": "", "x": 3000, "y": 3000, "size": 400}
    part = (slice(2799, 3199), slice(2799, 3199))
    found = cutout(red=web_path(product("unconv.exp")), **place).data
    assert np.allclose(found, exposure[part])
    found = cutout(red=web_path(product("unconv.mask")), **place).data
    assert np.array_equal(np.nan_to_num(found), mask[part])
    assert not (found == 0).any()


def test_the_server_takes_names_in_any_case_and_forms() -> None:
    asked = {"RA": 83.63321, "Dec": 22.01446, "Size": 20, "Red": web_path(product())}
    asked["format"] = "fits"
    sent = requests.post(FITSCUT, data=asked).content
    assert np.array_equal(fits.getdata(io.BytesIO(sent)), cutout(size=20).data, equal_nan=True)


def picture(**asked: object) -> Image.Image:
    answer = requests.get(FITSCUT, {**PULSAR, **asked})
    assert answer.status_code == 200, answer.text
    return Image.open(io.BytesIO(answer.content))


@pytest.mark.parametrize("picture_format", ["jpg", "png"])
def test_a_picture_is_grey_or_in_colour(picture_format: str) -> None:
    # Other kinds in place of other filters, whose files are made already.
    paths = [web_path(product(kind)) for kind in ("unconv", "unconv.exp", "unconv.mask")]
    channels = dict(zip(("red", "green", "blue"), paths, strict=True))
    grey = picture(red=paths[0], format=picture_format, size=60)
    assert (grey.mode, grey.size) == ("L", (60, 60))
    colour = picture(**channels, format=picture_format, size=200, output_size=50)
    assert (colour.mode, colour.size) == ("RGB", (50, 50))
    said = colour.info.get("comment") or colour.info["Comment"].encode()
    assert b"simulated" in said


def test_north_is_up_in_a_picture() -> None:
    red = web_path(product())
    flux = cutout(size=64, dec=22.0175).data
    grey = np.asarray(picture(red=red, format="png", size=64, dec=22.0175), float)
    assert np.corrcoef(grey.ravel(), flux[::-1].ravel())[0, 1] > 0.7
    assert np.corrcoef(grey.ravel(), flux.ravel())[0, 1] < 0.5


@pytest.mark.parametrize(
    ("asked", "word"),
    [
        ({}, "red is needed"),
        ({"red": "/nothing.fits"}, "/nothing.fits is not an image of the replica"),
        ({"red": "R", "format": "gif"}, "format=gif"),
        ({"red": "R", "green": "R"}, "green and blue"),
        ({"red": "R", "green": "R", "blue": "R", "format": "fits"}, "not in FITS"),
        ({"red": "R", "size": "0"}, "size=0"),
        ({"red": "R", "size": "nan"}, "size is needed"),
        ({"red": "R", "ra": "83", "dec": "x"}, "dec"),
        ({"red": "R", "ra": "263.6", "dec": "-22"}, "other side"),
    ],
)
def test_what_fitscut_cannot_do_is_said(asked: dict, word: str) -> None:
    known = {name: web_path(product()) if each == "R" else each for name, each in asked.items()}
    answer = requests.get(FITSCUT, {**PULSAR, **known})
    assert (answer.status_code, word in answer.text) == (400, True), answer.text


# The files


def test_a_listed_file_is_sent_whole_or_in_part() -> None:
    path = names(**PULSAR, filters="r", type="stack.mask")["filename"][0]
    content = ensure(product("unconv.mask")).read_bytes()
    assert requests.get(f"{SERVER}{path}").content == content
    part = requests.get(f"{SERVER}{path}", headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, content[100:200])
    assert requests.get(f"{SERVER}/rings.v3.skycell/1784/none.fits").status_code == 404
