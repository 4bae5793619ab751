"""Pixels, WCS and header of a cutout agree, whatever the header of the image is like.

The oracle is astropy's WCS of the whole image, read with all HDUs of the file.
"""

from __future__ import annotations

import itertools
import pickle
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS
from replicas import file_server

from helpers import Cutout, FitsError, Transfer, cutout, open_fits
from helpers.remote.fits_cache import remote_fits

LENGTHS = {"RA": 120, "DEC": 90, "FREQ": 5, "STOKES": 1}
#: Type, value, increment and unit of an axis; the reference is the middle of the image.
AXES = {
    "RA": ("RA---TAN", 150.0, -1e-3, "deg"),
    "DEC": ("DEC--TAN", 2.0, 1e-3, "deg"),
    "FREQ": ("FREQ", 1.4e9, 1e6, "Hz"),
    "STOKES": ("STOKES", 1.0, 1.0, ""),
}
#: Where the cutouts are taken, x and y from 0; how large, height and width; their first pixel.
AT, SIZE, FIRST = (71.3, 38.2), (7, 10), (67, 35)


def header(*order: str, letter: str = "", **cards: object) -> fits.Header:
    """A header whose axes come in this order; cards with None are left out."""
    basic: dict[str, object] = {}
    for number, axis in enumerate(order or ("RA", "DEC"), 1):
        kind, value, step, unit = AXES[axis]
        basic[f"CTYPE{number}{letter}"] = kind
        basic[f"CRVAL{number}{letter}"] = value
        basic[f"CDELT{number}{letter}"] = step
        basic[f"CUNIT{number}{letter}"] = unit
        basic[f"CRPIX{number}{letter}"] = LENGTHS[axis] / 2 + 0.5
    return fits.Header({name: card for name, card in (basic | cards).items() if card is not None})


def image(cards: fits.Header, *order: str) -> fits.HDUList:
    """A file with one image, each of whose pixels has another value."""
    shape = [LENGTHS[axis] for axis in reversed(order or ("RA", "DEC"))]
    data = np.arange(np.prod(shape), dtype="float32").reshape(shape)
    return fits.HDUList([fits.PrimaryHDU(data, cards)])


def simple(**cards: object) -> Callable[[], fits.HDUList]:
    return lambda: image(header(**cards))


def cube(*order: str, **cards: object) -> Callable[[], fits.HDUList]:
    return lambda: image(header(*order, **cards), *order)


CD = {"CD1_1": -8e-4, "CD1_2": 6e-4, "CD2_1": 6e-4, "CD2_2": 8e-4, "CDELT1": None, "CDELT2": None}
SIP_TYPES = {"CTYPE1": "RA---TAN-SIP", "CTYPE2": "DEC--TAN-SIP"}
SIP = SIP_TYPES | {"A_ORDER": 2, "A_2_0": 1e-4, "B_ORDER": 2, "B_0_2": 2e-4, "B_1_1": 1e-4}
TPV = {"CTYPE1": "RA---TPV", "CTYPE2": "DEC--TPV", "PV1_1": 1.0, "PV1_4": 0.01, "PV2_1": 1.0}
OLD_PC = {"PC001001": 0.8, "PC001002": -0.6, "PC002001": 0.6, "PC002002": 0.8}
NO_REFERENCE = {"CRPIX1": None, "CRPIX2": None}


def plate(**cards: object) -> fits.HDUList:
    """A part of a photographic plate of the Digitized Sky Survey, with its plate solution."""
    solution = {"CNPIX1": 6000, "CNPIX2": 7000, "PLTSCALE": 67.2, "EQUINOX": 2000.0}
    solution |= {"PLTRAH": 13, "PLTRAM": 29, "PLTRAS": 24.0}
    solution |= {"PLTDECSN": "+", "PLTDECD": 47, "PLTDECM": 11, "PLTDECS": 0.0}
    solution |= {"XPIXELSZ": 25.28445, "YPIXELSZ": 25.28445}
    solution |= {f"PPO{n}": 177_500.0 if n in (3, 6) else 0.0 for n in range(1, 7)}
    solution |= {f"AMDX{n}": 0.0 for n in range(1, 21)} | {f"AMDY{n}": 0.0 for n in range(1, 21)}
    solution |= {"AMDX1": 67.2, "AMDX2": -0.04, "AMDX3": 2.8, "AMDX8": 2e-6}
    solution |= {"AMDY1": 67.2, "AMDY2": 0.04, "AMDY3": -1.3, "AMDY8": 2.3e-6}
    return image(fits.Header(solution | cards))


def with_tables(**cards: object) -> fits.HDUList:
    """An image whose distortion is kept in four tables behind it, as the Hubble telescope's are."""
    random = np.random.default_rng(3)
    cards_of_image, tables = header(**cards), []
    for axis, (kind, name, hdu) in itertools.product(
        (1, 2), (("CPDIS", "DP", "WCSDVARR"), ("D2IMDIS", "D2IM", "D2IMARR"))
    ):
        cards_of_image[f"{kind}{axis}"] = "LOOKUP"
        for record in (f"EXTVER: {axis}", "NAXES: 2", "AXIS.1: 1", "AXIS.2: 2"):
            cards_of_image.append(fits.Card(f"{name}{axis}", record))
        table = fits.ImageHDU(random.normal(0, 1, (10, 13)).astype("float32"), name=hdu, ver=axis)
        steps = {"CRPIX1": 1.0, "CRPIX2": 1.0, "CRVAL1": 1.0, "CRVAL2": 1.0}
        table.header.update(steps | {"CDELT1": 10.0, "CDELT2": 10.0})
        tables.append(table)
    hdus = image(cards_of_image)
    science = fits.ImageHDU(hdus[0].data, cards_of_image, name="SCI")
    return fits.HDUList([fits.PrimaryHDU(), science, *tables])


def with_wavelengths_in_a_table() -> fits.HDUList:
    cards = {"CTYPE3": "WAVE-TAB", "CUNIT3": "um", "CRVAL3": 1.0, "CRPIX3": 1.0, "CDELT3": 1.0}
    cards |= {"PS3_0": "WCS-TAB", "PS3_1": "WAVE", "PV3_1": 1, "PV3_2": 1, "PV3_3": 1}
    hdus = image(header("RA", "DEC", "FREQ", **cards), "RA", "DEC", "FREQ")
    values = (np.linspace(1, 2, LENGTHS["FREQ"]) ** 2).reshape(1, -1)
    column = fits.Column("WAVE", "5D", array=values, dim="(1,5)", unit="um")
    hdus.append(fits.BinTableHDU.from_columns([column], name="WCS-TAB"))
    return hdus


def alternative(**first: object) -> fits.HDUList:
    """An image with a second WCS, of the lines and columns of the detector, and a third."""
    cards = header(**first)
    cards.update(header("RA", "DEC", letter="A", CRPIX1A=20.0, CRPIX2A=30.0, CRVAL1A=20.0))
    cards.update({"WCSNAMEP": "PHYSICAL", "CTYPE1P": "x", "CTYPE2P": "y", "CDELT1P": 2.0})
    return image(cards)


MADE: dict[str, Callable[[], fits.HDUList]] = {
    "CDELT": simple(),
    "CDELT with CROTA": simple(CROTA2=25.0),
    "PC": simple(PC1_1=0.8, PC1_2=-0.6, PC2_1=0.6, PC2_2=0.8),
    "old PC": simple(**OLD_PC),
    "CD": simple(**CD),
    "SIP": simple(**SIP),
    "SIP and CD": simple(**SIP, **CD),
    "TPV": simple(**TPV),
    "rectangular pixels": simple(CDELT1=-2e-3, CDELT2=5e-4),
    "Galactic": simple(CTYPE1="GLON-CAR", CTYPE2="GLAT-CAR", CRVAL1=235.9, CRVAL2=42.4),
    "integers as CRPIX": simple(CRPIX1=60, CRPIX2=45),
    "no CRPIX": simple(**NO_REFERENCE),
    "no CRPIX, CD": simple(**NO_REFERENCE, **CD),
    "one CRPIX": simple(CRPIX1=None),
    "WCSAXES": simple(WCSAXES=2),
    "more WCSAXES than axes": simple(WCSAXES=3, CTYPE3="WAVE", CRVAL3=1e-6, CUNIT3="m"),
    "reference pixel of IRAF": simple(LTV1=-100.0, LTV2=-50.0, LTM1_1=1.0, LTM2_2=1.0),
    "alternatives": alternative,
    "alternatives, SIP": lambda: alternative(**SIP),
    "DSS": plate,
    "DSS beside TAN": lambda: plate(**header()),
    "look-up tables": with_tables,
    "look-up tables and SIP": lambda: with_tables(**SIP),
    "wavelengths in a table": with_wavelengths_in_a_table,
    "RA, DEC, FREQ, SIP": cube("RA", "DEC", "FREQ", **SIP),
    "RA, DEC, one STOKES": cube("RA", "DEC", "STOKES"),
    "one STOKES, RA, FREQ, DEC": cube("STOKES", "RA", "FREQ", "DEC"),
    "FREQ, RA, DEC, WCSAXES": cube("FREQ", "RA", "DEC", WCSAXES=3),
    "FREQ, RA, DEC, PC": cube("FREQ", "RA", "DEC", PC2_2=0.8, PC2_3=-0.6, PC3_2=0.6, PC3_3=0.8),
    "FREQ, RA, DEC, old PC": cube(
        "FREQ", "RA", "DEC", PC002002=0.8, PC002003=-0.6, PC003002=0.6, PC003003=0.8
    ),
    "FREQ, RA, DEC, CROTA": cube("FREQ", "RA", "DEC", CROTA3=25.0),
    "RA, FREQ, DEC, no CRPIX": cube("RA", "FREQ", "DEC", CRPIX1=None, CRPIX3=None),
    "RA, FREQ, DEC, CD": cube(
        "RA", "FREQ", "DEC", CD1_1=-8e-4, CD1_3=6e-4, CD3_1=6e-4, CD3_3=8e-4, CD2_2=1e6
    ),
    **{
        ", ".join(order): cube(*order)
        for order in (("DEC", "RA"), *itertools.permutations(("RA", "DEC", "FREQ")))
    },
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    folder = tmp_path_factory.mktemp("served")
    with file_server(folder) as base:
        yield folder, base


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """What astropy says of odd headers is not what is tested here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


class Whole:
    """The whole image, as astropy has it; its celestial axes are the first two of the data."""

    def __init__(self, path: Path) -> None:
        with fits.open(path) as hdus:
            hdu = next(hdu for hdu in hdus if hdu.data is not None)
            self.header = hdu.header
            types = [str(self.header.get(f"CTYPE{n}", ""))[:3] for n in range(1, hdu.data.ndim + 1)]
            axes = [n for n, kind in enumerate(types, 1) if kind in ("RA-", "DEC", "GLO", "GLA")]
            axes = axes or [1, 2]
            planes = np.moveaxis(hdu.data.T, [n - 1 for n in axes], [0, 1]).T
            self.planes = planes.reshape(-1, *planes.shape[-2:])
            self.wcs = WCS(self.header, hdus, naxis=axes)

    def sky(self, x: object, y: object) -> np.ndarray:
        """Longitudes and latitudes of pixels, in the order of the axes."""
        return np.array(self.wcs.all_pix2world(x, y, 0))


def grid(stamp: Cutout) -> tuple[np.ndarray, np.ndarray]:
    rows, columns = np.indices(stamp.shape)
    return columns.ravel(), rows.ravel()


@pytest.fixture(params=MADE)
def cut(request: pytest.FixtureRequest, served) -> tuple[Cutout, Whole]:
    """A cutout of each kind of image, read remotely, and the whole image."""
    folder, base = served
    path = folder / f"{''.join(filter(str.isalnum, request.param))}.fits"
    MADE[request.param]().writeto(path, overwrite=True)
    whole = Whole(path)
    sky = whole.sky(*AT)
    lon, lat = sky if whole.wcs.wcs.lng < whole.wcs.wcs.lat else sky[::-1]
    frame = "galactic" if "GLON" in whole.wcs.wcs.ctype[0] else "icrs"
    options = {"plane": 3} if len(whole.planes) > 1 else {}
    remote_fits.cache_clear()
    position = SkyCoord(lon, lat, unit="deg", frame=frame)
    return cutout(f"{base}/{path.name}", position, SIZE, **options), whole


def test_the_pixels_are_those_of_the_whole_image(cut) -> None:
    stamp, whole = cut
    x, y = FIRST
    plane = whole.planes[3 if len(whole.planes) > 1 else 0]
    assert np.array_equal(stamp.data, plane[y : y + SIZE[0], x : x + SIZE[1]])


def test_the_wcs_is_that_of_the_whole_image(cut) -> None:
    stamp, whole = cut
    x, y = grid(stamp)
    expected = whole.sky(x + FIRST[0], y + FIRST[1])
    assert np.allclose(stamp.wcs.all_pix2world(x, y, 0), expected, rtol=0, atol=1e-9)
    assert stamp.wcs.pixel_shape == SIZE[::-1]


def test_the_header_says_what_the_wcs_says(cut) -> None:
    stamp, _ = cut
    cards = stamp.header
    assert (cards["NAXIS"], cards["NAXIS2"], cards["NAXIS1"]) == (2, *SIZE)
    read = WCS(cards)
    assert read.naxis == 2
    stamp.wcs.cpdis1 = stamp.wcs.cpdis2 = stamp.wcs.det2im1 = stamp.wcs.det2im2 = None
    here = stamp.wcs.all_pix2world(*grid(stamp), 0)
    assert np.allclose(read.all_pix2world(*grid(stamp), 0), here, rtol=0, atol=1e-9)


def test_what_is_written_is_read_again(cut, tmp_path: Path) -> None:
    stamp, _ = cut
    fits.PrimaryHDU(stamp.data, stamp.header).writeto(tmp_path / "stamp.fits")
    with fits.open(tmp_path / "stamp.fits") as hdus:
        assert np.array_equal(hdus[0].data, stamp.data)
        assert WCS(hdus[0].header).naxis == 2


def test_the_header_as_text_is_the_header(cut) -> None:
    stamp, _ = cut
    assert stamp.asked_header() == stamp.header.tostring(padding=False)


def test_a_changed_header_survives_pickling(cut) -> None:
    stamp, _ = cut
    stamp.header["OBSERVER"] = "me"
    assert pickle.loads(pickle.dumps(stamp)).header["OBSERVER"] == "me"


def test_a_cutout_survives_pickling(cut) -> None:
    stamp, _ = cut
    again = pickle.loads(pickle.dumps(stamp))
    here = stamp.wcs.all_pix2world(*grid(stamp), 0)
    assert np.allclose(again.wcs.all_pix2world(*grid(stamp), 0), here, rtol=0, atol=1e-12)
    assert np.array_equal(again.data, stamp.data)
    assert again.header == stamp.header
    assert (again.url, again.partial, again.wcs.pixel_shape) == (
        stamp.url,
        stamp.partial,
        stamp.wcs.pixel_shape,
    )


def test_a_position_is_found_where_the_image_has_it(cut) -> None:
    stamp, whole = cut
    middle = (AT[0] - FIRST[0], AT[1] - FIRST[1])
    assert np.allclose(stamp.wcs.all_world2pix(*whole.sky(*AT), 0), middle, atol=1e-4)


@pytest.mark.parametrize(
    ("kind", "letter"),
    [("alternatives", "A"), ("alternatives", "P"), ("alternatives, SIP", "A")],
)
def test_alternatives_move_along(tmp_path: Path, kind: str, letter: str) -> None:
    MADE[kind]().writeto(tmp_path / "a.fits")
    whole = Whole(tmp_path / "a.fits")
    stamp = cutout(tmp_path / "a.fits", SkyCoord(*whole.sky(*AT), unit="deg"), SIZE)
    x, y = FIRST
    before = WCS(whole.header, key=letter).wcs_pix2world([[x + 2.0, y + 3.0]], 0)
    assert np.allclose(WCS(stamp.header, key=letter).wcs_pix2world([[2.0, 3.0]], 0), before)


def test_an_alternative_that_mixes_a_lost_axis_in_is_left_out(tmp_path: Path) -> None:
    order = ("FREQ", "RA", "DEC")
    cards = header(*order)
    cards.update(header(*order, letter="A", PC2_3A=0.1))
    cards.update(header(*order, letter="B", PC1_3B=0.1))
    image(cards, *order).writeto(tmp_path / "a.fits")
    moved = cutout(tmp_path / "a.fits", SkyCoord(150, 2, unit="deg"), SIZE, plane=0).header
    assert moved["CTYPE1A"] == "RA---TAN"
    assert moved["PC1_2A"] == 0.1
    assert not [key for key in moved if key.endswith("B")]


def test_coordinates_of_the_detector_move_along(tmp_path: Path) -> None:
    MADE["reference pixel of IRAF"]().writeto(tmp_path / "a.fits")
    whole = Whole(tmp_path / "a.fits")
    stamp = cutout(tmp_path / "a.fits", SkyCoord(*whole.sky(*AT), unit="deg"), SIZE)
    x, y = FIRST
    assert (stamp.header["LTV1"], stamp.header["LTV2"]) == (-100 - x, -50 - y)


def test_what_a_header_alone_cannot_say_is_told(tmp_path: Path) -> None:
    with_tables(**SIP).writeto(tmp_path / "a.fits")
    stamp = cutout(tmp_path / "a.fits", SkyCoord(150, 2, unit="deg"), SIZE)
    assert not [key for key in stamp.header if key.startswith(("CPDIS", "DP", "D2IM"))]
    assert "Look-up tables" in str(stamp.header["HISTORY"])
    assert stamp.wcs.cpdis1 is not None
    assert stamp.wcs.det2im2 is not None


def test_sums_of_the_whole_image_are_left_out(tmp_path: Path) -> None:
    image(header()).writeto(tmp_path / "a.fits", checksum=True)
    assert "CHECKSUM" in fits.getheader(tmp_path / "a.fits")
    moved = cutout(tmp_path / "a.fits", SkyCoord(150, 2, unit="deg"), SIZE).header
    assert "CHECKSUM" not in moved
    assert "DATASUM" not in moved


def test_a_header_keeps_its_other_cards(tmp_path: Path) -> None:
    cards = header()
    cards["BUNIT"] = ("Jy/beam", "unit of the pixels")
    cards["LONG"] = "a" * 200
    cards["HIERARCH ESO DET CHIP1 NAME"] = "CCD-44"
    cards.add_history("made for a test")
    cards.add_comment("with a comment")
    image(cards).writeto(tmp_path / "a.fits")
    moved = cutout(tmp_path / "a.fits", SkyCoord(150, 2, unit="deg"), SIZE).header
    before = fits.getheader(tmp_path / "a.fits")
    counted = ("CRPIX1", "CRPIX2", "NAXIS1", "NAXIS2")
    assert [repr(card) for card in moved.cards if card.keyword not in counted] == [
        repr(card) for card in before.cards if card.keyword not in counted
    ]


def test_a_distortion_of_other_axes_is_refused(tmp_path: Path) -> None:
    types = {"CTYPE2": "RA---TAN-SIP", "CTYPE3": "DEC--TAN-SIP"}
    cube("FREQ", "RA", "DEC", **{**SIP, **types, "CTYPE1": "FREQ"})().writeto(tmp_path / "a.fits")
    with pytest.raises(FitsError, match=r"a\.fits.*distortion"):
        cutout(tmp_path / "a.fits", SkyCoord(150, 2, unit="deg"), SIZE, plane=0)


def test_axes_that_depend_on_one_another_are_refused(tmp_path: Path) -> None:
    cube("FREQ", "RA", "DEC", PC1_2=0.1)().writeto(tmp_path / "a.fits")
    with pytest.raises(FitsError, match=r"a\.fits"):
        cutout(tmp_path / "a.fits", SkyCoord(150, 2, unit="deg"), SIZE, plane=0)


@pytest.mark.parametrize("order", list(itertools.permutations(("RA", "DEC", "FREQ"))))
@pytest.mark.parametrize("whole", [True, False], ids=["as a whole", "in tiles"])
def test_compressed_cubes_have_the_same_planes(tmp_path: Path, whole: bool, order) -> None:
    """Compressed as a whole by gzip, or in tiles by RICE."""
    hdus = cube(*order)()
    if whole:
        hdus.writeto(tmp_path / "a.fits.gz")
        path = tmp_path / "a.fits.gz"
    else:
        data = hdus[0].data.astype("int32")
        tiled = fits.CompImageHDU(data, hdus[0].header, tile_shape=(2, 3, 40))
        fits.HDUList([fits.PrimaryHDU(), tiled]).writeto(tmp_path / "a.fits")
        path = tmp_path / "a.fits"
    hdus.writeto(tmp_path / "plain.fits")
    position = SkyCoord(150.01, 1.99, unit="deg")
    plain = cutout(tmp_path / "plain.fits", position, SIZE, plane=2)
    with file_server(tmp_path) as base:
        remote = cutout(f"{base}/{path.name}", position, SIZE, plane=2)
    local = cutout(path, position, SIZE, plane=2)
    assert np.array_equal(plain.data, local.data)
    assert np.array_equal(plain.data, remote.data)


@pytest.mark.parametrize("make", [with_tables, with_wavelengths_in_a_table])
def test_tables_of_a_wcs_are_read_once(served, make: Callable[[], fits.HDUList]) -> None:
    folder, base = served
    make().writeto(folder / "tables.fits", overwrite=True)
    options = {"plane": 0} if make is with_wavelengths_in_a_table else {}
    remote_fits.cache_clear()
    cutout(f"{base}/tables.fits", SkyCoord(150, 2, unit="deg"), SIZE, **options)
    with Transfer() as second:
        cutout(f"{base}/tables.fits", SkyCoord(150, 2, unit="deg"), SIZE, **options)
    assert second.requests == 1


def test_a_channel_of_a_cube_costs_its_pixels_not_the_cube(served) -> None:
    folder, base = served
    order = ("RA", "DEC", "FREQ")
    data = np.zeros((40, 300, 400), dtype="float32")
    fits.PrimaryHDU(data, header(*order)).writeto(folder / "big.fits", overwrite=True)
    remote_fits.cache_clear()
    with Transfer() as transfer:
        cutout(f"{base}/big.fits", SkyCoord(150, 2, unit="deg"), SIZE, plane=30)
    assert transfer.requests == 2
    assert transfer.bytes < 90_000


def test_angles_are_measured_along_each_axis(tmp_path: Path) -> None:
    MADE["rectangular pixels"]().writeto(tmp_path / "a.fits")
    import astropy.units as u

    size = (0.01, 0.02) * u.deg
    assert cutout(tmp_path / "a.fits", SkyCoord(150, 2, unit="deg"), size).shape == (20, 10)


def test_the_first_image_on_the_sky_is_found_behind_others(tmp_path: Path) -> None:
    spectrum = fits.ImageHDU(np.zeros((4, 5), "float32"), header("FREQ", "STOKES"))
    hdus = fits.HDUList(
        [fits.PrimaryHDU(), spectrum, fits.ImageHDU(image(header())[0].data, header())]
    )
    hdus.writeto(tmp_path / "a.fits")
    assert cutout(tmp_path / "a.fits", SkyCoord(150, 2, unit="deg"), SIZE).data.mean() > 0
    with open_fits(tmp_path / "a.fits") as opened:
        assert len(opened) == 3
