"""cloud_location: every way in which an archive says where a product is kept."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import FrozenInstanceError
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from astropy.io.votable import parse as parse_votable
from astropy.table import MaskedColumn, Table
from hypothesis import example, given
from hypothesis import strategies as st
from pyvo.dal.adhoc import DatalinkResults
from pyvo.dal.sia import SIAResults

from helpers.cloud.locating import cloud_location
from helpers.cloud.location import CloudLocation
from helpers.errors import ArchiveAccessError, CloudLocationError

CHANDRA = "chandra/data/byobsid/8/15158/primary/acisf15158N003_cntr_img2.fits.gz"
CHANDRA_URL = f"https://heasarc.gsfc.nasa.gov/FTP/{CHANDRA}"
TILE = "09/0904/0904m213_ac51/0904m213_ac51-w1-int-3.fits"
WISE = f"wise/allwise/images/p3am_cdd/{TILE}"
WISE_URL = f"https://irsa.ipac.caltech.edu/ibe/data/wise/allwise/p3am_cdd/{TILE}"
STACK = "rings.v3.skycell.1784.059.stk.r.unconv.fits"
PS1 = f"panstarrs/ps1/public/rings.v3.skycell/1784/059/{STACK}"
NO_RULE_URL = "https://irsa.ipac.caltech.edu/ibe/data/spitzer/sha/archive/proc/a.fits"
DATALINK_URL = (
    "https://heasarc.gsfc.nasa.gov/xamin/vo/datalink?datalink_key"
    "&id=ivo://nasa.heasarc/chanmaster?639/chandra.obs.img"
)
DATALINK_TYPE = "application/x-votable+xml;content=datalink"


def said(bucket: str, key: str, **more: str) -> str:
    return json.dumps({"aws": {"bucket_name": bucket, "key": key, **more}})


# HEASARC's text of 2023, to the space.
HEASARC_2023 = (
    '{"aws": {   "bucket_name": "dh-fornaxdev",   "region": "us-east-1",   '
    f'"access": "region",   "key": "/FTP/{CHANDRA}" }}}}'
)
MIRRORS = [
    {"bucket_name": "closed-copy", "key": "a/b.fits", "access": "restricted"},
    {"bucket_name": "near-copy", "key": "a/b.fits", "access": "region"},
    {"bucket_name": "open-copy", "key": "a/b.fits", "access": "open"},
    {"bucket_name": "second-open-copy", "key": "a/b.fits", "access": "open"},
]

CLOUD_ACCESS = [
    pytest.param(HEASARC_2023, "s3://dh-fornaxdev/FTP/" + CHANDRA, id="HEASARC 2023"),
    pytest.param(
        said("nasa-heasarc", f"/FTP/{CHANDRA}"), f"s3://nasa-heasarc/{CHANDRA}", id="/FTP/ key"
    ),
    pytest.param(said("nasa-heasarc", CHANDRA), f"s3://nasa-heasarc/{CHANDRA}", id="HEASARC now"),
    pytest.param(said("nasa-irsa-wise", WISE), f"s3://nasa-irsa-wise/{WISE}", id="IRSA"),
    pytest.param(
        '{"aws": {"bucket": "abc", "path": "/d/e.fits", "region": "us-west-2"}}',
        "s3://abc/d/e.fits",
        id="bucket and path",
    ),
    pytest.param('{"bucket": "abc", "path": "d.fits"}', "s3://abc/d.fits", id="one copy alone"),
    pytest.param(json.dumps({"aws": MIRRORS}), "s3://open-copy/a/b.fits", id="mirrors"),
    pytest.param(json.dumps(MIRRORS[:2]), "s3://near-copy/a/b.fits", id="mirrors alone"),
    pytest.param({"aws": MIRRORS}, "s3://open-copy/a/b.fits", id="parsed mirrors"),
    pytest.param(MIRRORS, "s3://open-copy/a/b.fits", id="list of mirrors"),
    pytest.param({"bucket": "abc", "key": "d"}, "s3://abc/d", id="parsed copy"),
    pytest.param(
        "{'aws': {'bucket': 'abc', 'path': 'd\\'e', 'region': None},}", "s3://abc/d'e", id="dict"
    ),
    pytest.param(said("abc", "d").encode(), "s3://abc/d", id="bytes"),
    pytest.param(np.bytes_(said("abc", "d").encode()), "s3://abc/d", id="numpy bytes"),
    pytest.param(np.str_(said("abc", "d")), "s3://abc/d", id="numpy text"),
    pytest.param(f"  {said('abc', 'd')}\n", "s3://abc/d", id="white space around"),
    pytest.param(said("abc", "d").replace("aws", "AWS"), "s3://abc/d", id="AWS in capitals"),
    pytest.param(
        '{"gc": {"bucket_name": "gcs"}, "aws": {"bucket_name": "abc", "key": "d"}}',
        "s3://abc/d",
        id="another provider beside",
    ),
]

ADDRESSES = [
    ("s3://abc/d/e.fits", "s3://abc/d/e.fits"),
    ("s3://abc/d e?f#g%20.fits", "s3://abc/d e?f#g%20.fits"),
    (CHANDRA_URL, f"s3://nasa-heasarc/{CHANDRA}"),
    (CHANDRA_URL.replace("https", "http"), f"s3://nasa-heasarc/{CHANDRA}"),
    (CHANDRA_URL.replace("/8/", "/8//"), f"s3://nasa-heasarc/{CHANDRA}"),
    (CHANDRA_URL.replace("heasarc.gsfc", "HEASARC.gsfc"), f"s3://nasa-heasarc/{CHANDRA}"),
    ("https://lambda.gsfc.nasa.gov/data/map/dr5/m.fits", "s3://nasa-lambda/wmap/dr5/m.fits"),
    ("https://lambda.gsfc.nasa.gov/data/act/m.fits", "s3://nasa-lambda/act/m.fits"),
    (WISE_URL, f"s3://nasa-irsa-wise/{WISE}"),
    (
        "https://irsa.ipac.caltech.edu/ibe/data/wise/allsky/4band_p1bm_frm/6a/02206a/149/i.fits",
        "s3://nasa-irsa-wise/wise/allsky/images/4band_p1bm_frm/6a/02206a/149/i.fits",
    ),
    (f"mast:PS1/product/{STACK}", f"s3://stpubdata/{PS1}"),
    (
        f"https://mast.stsci.edu/api/v0.1/Download/file?uri=mast:PS1/product/{STACK}",
        f"s3://stpubdata/{PS1}",
    ),
    (
        f"https://mast.stsci.edu/api/v0.1/Download/file/?uri=mast%3APS1%2Fproduct%2F{STACK}",
        f"s3://stpubdata/{PS1}",
    ),
    (
        f"http://ps1images.stsci.edu//rings.v3.skycell/1784/059/{STACK}",
        f"s3://stpubdata/{PS1}",
    ),
    (f"/ps1/rings.v3.skycell/1784/059/{STACK}", f"s3://stpubdata/{PS1}"),
    (PS1, f"s3://stpubdata/{PS1}"),
    ("/hst/public/u24r/u24r0102t/f.fits", "s3://stpubdata/hst/public/u24r/u24r0102t/f.fits"),
    ("/jwst/public/f.fits", "s3://stpubdata/jwst/public/f.fits"),
    ("/tess/public/f.fits", "s3://stpubdata/tess/public/f.fits"),
    ("/kepler/public/f.fits", "s3://stpubdata/kepler/public/f.fits"),
    ("/mast/galex/GR6/f.fits", "s3://stpubdata/galex/GR6/f.fits"),
    ("/hlsp_local/public/hlsp/qlp/f.fits", "s3://stpubdata/mast/hlsp/qlp/f.fits"),
    ("https://abc.s3.amazonaws.com/d/e.fits", "s3://abc/d/e.fits"),
    ("https://abc.s3.us-west-2.amazonaws.com/d/e.fits", "s3://abc/d/e.fits"),
    ("https://abc.s3-us-west-2.amazonaws.com/d/e.fits", "s3://abc/d/e.fits"),
    ("https://abc.s3.dualstack.us-west-2.amazonaws.com/d/e.fits", "s3://abc/d/e.fits"),
    ("https://a.b.c.s3.amazonaws.com/d/e.fits", "s3://a.b.c/d/e.fits"),
    ("https://s3.amazonaws.com/abc/d/e.fits", "s3://abc/d/e.fits"),
    ("https://s3.us-west-2.amazonaws.com/abc/d/e.fits", "s3://abc/d/e.fits"),
    ("https://abc.s3.amazonaws.com/d%20e%2Bf%C3%A9.fits", "s3://abc/d e+fé.fits"),
]


@pytest.mark.parametrize(("product", "uri"), [*CLOUD_ACCESS, *ADDRESSES])
def test_product_is_located(product, uri):
    location = cloud_location(product)
    assert (location.provider, location.in_cloud, location.uri) == ("aws", True, uri)


@pytest.mark.parametrize("provided", ["us-gov-west-1", "ap-southeast-2"])
def test_region_that_the_archive_gives_counts(provided):
    assert cloud_location(said("nasa-heasarc", "a", region=provided)).region == provided


@pytest.mark.parametrize(
    ("product", "region"),
    [
        (WISE_URL, "us-west-2"),
        (CHANDRA_URL, "us-east-1"),
        ("/ps1/a.fits", "us-east-1"),
        ("https://lambda.gsfc.nasa.gov/data/map/m.fits", "us-east-1"),
        ("https://abc.s3.eu-north-1.amazonaws.com/d", "eu-north-1"),
        ("https://s3.eu-north-1.amazonaws.com/abc/d", "eu-north-1"),
        ("s3://unknown-bucket/d", ""),
    ],
)
def test_region_is_known_by_bucket_or_by_url(product, region):
    assert cloud_location(product).region == region


@pytest.mark.parametrize(
    ("access", "expected"),
    [(None, "open"), ("", "open"), ("open", "open"), ("Region", "region"), ("restricted",) * 2],
)
def test_access_is_kept(access, expected):
    copy = {"bucket": "abc", "path": "d", "access": access}
    assert cloud_location({"aws": copy}).access == expected


def test_https_url_has_the_region_and_quotes_the_key():
    location = CloudLocation("aws", "abc", "d e/f+g#h?i%.fits", "us-west-2")
    assert (
        location.https_url == "https://abc.s3.us-west-2.amazonaws.com/d%20e/f%2Bg%23h%3Fi%25.fits"
    )


def test_bucket_with_dots_goes_into_the_path():
    location = CloudLocation("aws", "a.b.c", "d", "us-west-2")
    assert location.https_url == "https://s3.us-west-2.amazonaws.com/a.b.c/d"


def test_location_is_frozen_and_equal_by_what_it_names():
    one = CloudLocation("aws", "abc", "d", "us-west-2", "region")
    assert one == CloudLocation("aws", "abc", "d")
    assert len({one, CloudLocation("aws", "abc", "d"), CloudLocation("aws", "abc", "e")}) == 2
    assert one != "s3://abc/d"
    assert cloud_location(one) is one
    with pytest.raises(FrozenInstanceError):
        one.key = "../e"


@pytest.mark.parametrize(
    "url",
    [
        NO_RULE_URL,
        f"{WISE_URL}?center=83.6,22.0&size=200pix",
        "https://mast.stsci.edu/api/v0.1/Download/file?uri=mast:HST/product/a.fits",
        "https://heasarc.gsfc.nasa.gov/FTP/",
        "http://example.org/a.fits",
        "https://heasarc.gsfc.nasa.gov:8443/FTP/a.fits",
        "https://nasa-heasarc.s3.amazonaws.com.example.org/a",
    ],
)
def test_url_that_no_rule_knows_is_on_premises(url):
    location = cloud_location(url)
    assert (location.provider, location.in_cloud, location.access) == ("on-premises", False, "none")
    assert location.uri == location.https_url == location.url == url
    assert cloud_location(location.https_url) == location
    assert location != cloud_location(CHANDRA_URL)


# Rows.

EMPTY_CELLS = [None, "", " ", b"", "--", "null", "{}", float("nan"), np.ma.masked, "[]"]


@pytest.mark.parametrize("cell", EMPTY_CELLS, ids=repr)
def test_empty_cell_gives_way_to_the_url(cell):
    assert cloud_location({"cloud_access": cell, "access_url": NO_RULE_URL}).uri == NO_RULE_URL
    by_rule = cloud_location({"cloud_access": cell, "access_url": CHANDRA_URL})
    assert by_rule.uri == f"s3://nasa-heasarc/{CHANDRA}"


@pytest.mark.parametrize("cell", EMPTY_CELLS, ids=repr)
def test_empty_cell_alone_says_that_there_is_nothing(cell):
    with pytest.raises(CloudLocationError, match="neither a cloud copy nor a URL"):
        cloud_location(cell)


def test_none_among_cloud_uris_is_explained():
    """As astroquery.mast's get_cloud_uris gives them with return_uri_map."""
    with pytest.raises(CloudLocationError, match=r"astroquery gives it for .* not in the cloud"):
        cloud_location(None)


def test_a_list_of_addresses_is_to_be_passed_one_at_a_time():
    with pytest.raises(CloudLocationError, match=r"s3://abc/d.*one at a time"):
        cloud_location(["s3://abc/d", None])


@pytest.mark.parametrize("cell", ["[]", "{}", '{"gc": {}}', '{"aws": []}'])
def test_url_column_that_holds_an_empty_cloud_access_is_empty(cell):
    with pytest.raises(CloudLocationError, match="names neither"):
        cloud_location({"access_url": cell})
    assert cloud_location({"access_url": cell, "sia_url": NO_RULE_URL}).uri == NO_RULE_URL


def test_copy_without_access_gives_way_to_the_url():
    row = {"cloud_access": said("abc", "d", access="none"), "sia_url": NO_RULE_URL}
    assert cloud_location(row).uri == NO_RULE_URL


@pytest.mark.parametrize(
    "name",
    ["access_url", "sia_url", "accessURL", "SIA_reference", "dataURI", "dataURL", "ACCESS_URL"],
)
def test_url_column_is_found_by_name(name):
    assert cloud_location({"title": "x", name: WISE_URL}).uri == f"s3://nasa-irsa-wise/{WISE}"


@pytest.mark.parametrize("name", ["cloud_access", "Cloud_Access", "CLOUD_ACCESS"])
def test_cloud_access_comes_before_the_urls(name):
    row = Table({"access_url": [CHANDRA_URL], name: [said("abc", "d")]})[0]
    assert cloud_location(row).uri == "s3://abc/d"


def test_masked_cell_of_an_astropy_table():
    column = MaskedColumn([said("abc", "d"), "x"], mask=[False, True], dtype=object)
    table = Table({"cloud_access": column, "access_url": [NO_RULE_URL] * 2}, masked=True)
    assert [cloud_location(row).uri for row in table] == ["s3://abc/d", NO_RULE_URL]
    assert cloud_location(table.as_array()[0]).uri == "s3://abc/d"


def test_bytes_columns_of_an_astropy_table():
    assert cloud_location(Table({"access_url": [CHANDRA_URL.encode()]})[0]).in_cloud


def test_row_with_a_column_aws_is_a_row():
    """As astroquery.heasarc's locate_data gives them."""
    row = Table({"access_url": [CHANDRA_URL], "aws": [f"s3://nasa-heasarc/{CHANDRA}"]})[0]
    assert cloud_location(row).uri == f"s3://nasa-heasarc/{CHANDRA}"


def votable(fields: str, *rows: tuple[str, ...]) -> BytesIO:
    """Write a VOTable whose fields are given as ``name/ucd`` in one text."""
    names = [field.split("/") for field in fields.split()]
    columns = "".join(
        f'<FIELD name="{name}" ucd="{ucd}" datatype="char" arraysize="*"/>' for name, ucd in names
    )
    cells = "".join(
        "<TR>" + "".join(f"<TD><![CDATA[{cell}]]></TD>" for cell in row) + "</TR>" for row in rows
    )
    return BytesIO(
        '<VOTABLE version="1.3" xmlns="http://www.ivoa.net/xml/VOTable/v1.3">'
        '<RESOURCE type="results"><INFO name="QUERY_STATUS" value="OK"/>'
        f"<TABLE>{columns}<DATA><TABLEDATA>{cells}</TABLEDATA></DATA></TABLE>"
        f"</RESOURCE></VOTABLE>".encode()
    )


def sia(fields: str, *rows: tuple[str, ...]) -> SIAResults:
    return SIAResults(parse_votable(votable(fields, *rows)))


def test_sia_records_and_rows():
    fields = "sia_title/VOX:Image_Title sia_url/VOX:Image_AccessReference cloud_access/meta"
    results = sia(
        fields,
        ("W1", WISE_URL, said("nasa-irsa-wise", WISE)),
        ("W2", WISE_URL, ""),
        ("SHA", NO_RULE_URL, ""),
    )
    expected = [f"s3://nasa-irsa-wise/{WISE}"] * 2 + [NO_RULE_URL]
    assert [cloud_location(record).uri for record in results] == expected
    assert [cloud_location(row).uri for row in results.to_table()] == expected


def test_url_column_is_found_by_ucd():
    results = sia("download/VOX:Image_AccessReference", (WISE_URL,))
    assert cloud_location(results[0]).in_cloud
    assert cloud_location(results.to_table()[0]).in_cloud


def test_datalink_rows():
    fields = "ID/meta.id access_url/meta.ref.url semantics/meta.code error_message/meta"
    fields += " content_type/meta.code.mime cloud_access/meta"
    links = DatalinkResults(
        parse_votable(
            votable(
                fields,
                ("1", CHANDRA_URL, "#this", "", "application/fits", said("nasa-heasarc", CHANDRA)),
                ("1", CHANDRA_URL, "#this", "", "application/fits", ""),
                ("2", "", "#this", "NotFoundFault: no such file", "", ""),
            )
        )
    )
    this = list(links.bysemantics("#this"))
    assert {cloud_location(link).uri for link in this[:2]} == {f"s3://nasa-heasarc/{CHANDRA}"}
    with pytest.raises(CloudLocationError, match="NotFoundFault: no such file"):
        cloud_location(this[2])


@pytest.mark.parametrize(
    "row",
    [
        {"access_url": DATALINK_URL},
        {"access_url": DATALINK_URL, "cloud_access": ""},
        {"access_url": "https://example.org/links?ID=1", "access_format": DATALINK_TYPE},
        {
            "access_url": "https://example.org/links?ID=1",
            "content_type": 'application/x-votable+xml; content="datalink"',
        },
    ],
)
def test_datalink_url_is_to_be_followed_first(row):
    with pytest.raises(CloudLocationError, match=r"getdatalink\(\)") as caught:
        cloud_location(row)
    assert caught.value.url == row["access_url"]
    assert cloud_location(row | {"cloud_access": said("abc", "d")}).uri == "s3://abc/d"


def test_datalink_url_as_text_is_to_be_followed_first():
    with pytest.raises(CloudLocationError, match=r"getdatalink\(\)"):
        cloud_location(DATALINK_URL)


def test_direct_url_counts_beside_a_datalink_url():
    row = {"access_url": DATALINK_URL, "SIA_reference": CHANDRA_URL}
    assert cloud_location(row).uri == f"s3://nasa-heasarc/{CHANDRA}"


def test_mast_uri_whose_path_only_mast_knows():
    uri = "mast:HST/product/u24r0102t_c0m.fits"
    with pytest.raises(CloudLocationError, match=f"get_cloud_uris.*{uri}") as caught:
        cloud_location(uri)
    assert caught.value.url.startswith("https://mast.stsci.edu/api/v0.1/Download/file?uri=mast")


# What is not understood.


def nested(depth: int) -> object:
    value: object = {}
    for _ in range(depth):
        value = {"aws": [value]}
    return value


@pytest.mark.parametrize(
    ("product", "shown"),
    [
        ("cloud please", "cloud please"),
        ("{'aws': open('x')}", "open"),
        ("{'aws': __import__('os').getcwd()}", "__import__"),
        ('{"aws": ', "aws"),
        ("{[]: 1}", r"\{\[\]: 1\}"),
        ("{1 2}", "1 2"),
        ('{"aws": "s3://abc/d"}', "s3://abc/d"),
        ('{"aws": {"bucket": 7, "path": "d"}}', "a int as its bucket"),
        ('{"aws": {"bucket": "abc"}}', "no key.*abc"),
        ('{"aws": {"key": "d/e"}}', "no bucket.*d/e"),
        ('{"aws": {"bucket": "abc", "path": "/"}}', "no key"),
        ('{"aws": {"bucket": "ABC", "path": "d"}}', "ABC"),
        ('{"aws": {"bucket": "abc", "path": "d", "region": "evil.org/"}}', "evil.org/"),
        ('{"aws": {"bucket": "abc", "path": "d", "access": "perhaps"}}', "perhaps"),
        ("[" * 8_000 + "]" * 8_000, "too deep"),
        ("{'a':" * 3_000 + "1" + "}" * 3_000, "too deep"),
        ("[" * 100_000, r"\[\[\["),
        ("{'a':" * 100_000, "too deep"),
        ("{" + "-" * 10_000 + "1}", "---"),
        ("{" + "1" * 10_000 + "}", "111"),
        ('{"a": "' + "x" * 1_000_000, "too long"),
        (nested(1000), "aws"),
        ("s3://abc", "abc|key"),
        ("s3://abc/", "key"),
        ("s3://abc/../d", r"\.\./d"),
        ("s3://abc/d/..", r"d/\.\."),
        ("s3://abc/d\\..\\e", r"\.\."),
        ("s3://abc/./d", r"\./d"),
        ("s3://abc//d", "/d"),
        ("s3://abc/d\x00e", r"d\\x00e"),
        ("s3://abc/d\ne", r"d\\ne"),
        ("s3://abc/d\ud800", "ud800"),
        ("s3://abc/" + "é" * 513, "1024 bytes"),
        ("s3://-abc/d", "-abc"),
        ("s3://192.168.0.1/d", "192.168.0.1"),
        (said("abc", "../d"), r"\.\./d"),
        (said("abc", "/FTP/../../d"), r"\.\."),
        ("https://abc.s3.amazonaws.com/%2e%2e/d", r"\.\./d"),
        ("https://abc.s3.amazonaws.com/a%0Ab", r"a\\nb"),
        ("https://abc.s3.amazonaws.com/%FF", "%FF"),
        ("https://abc.s3.amazonaws.com/d?versionId=1", "versionId"),
        ("https://heasarc.gsfc.nasa.gov/FTP/../private", r"\.\./private"),
        ("https://[example.org/a", r"\[example"),
        ("https:///a", "///a"),
        ("https://example.org/a b", "a b"),
        ("https://example.org/" + "a" * 9000, "8000"),
        ("file:///data/a.fits", "file:///data/a.fits"),
        ("/data/a.fits", "/data/a.fits"),
        (Path("a.fits"), "local file.*a.fits"),
        (b"\xff\xfe", "xff"),
        (7, "a int"),
        (Table({"access_url": ["https://example.org/a"]}), "one row"),
        (Table({"cloud_access": ["{}"]}), "one row"),
        (np.array(["https://example.org/a"]), "one row"),
        ({"title": "no address"}, "names neither"),
    ],
)
def test_what_is_not_understood_is_shown(product, shown):
    with pytest.raises(CloudLocationError, match=shown) as caught:
        cloud_location(product)
    assert isinstance(caught.value, ArchiveAccessError)
    assert isinstance(caught.value, ValueError)
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(
    "parts",
    [
        ("gc", "abc", "d"),
        ("aws", "abc", "a/../b"),
        ("aws", "abc", "d", "us-east-1", "perhaps"),
        ("aws", "abc", "d", "", "open", "https://example.org/a"),
        ("on-premises", "abc", "d", "", "none", "https://example.org/a"),
        ("on-premises", "", "", "", "none", ""),
    ],
)
def test_no_location_can_be_made_that_breaks_the_rules(parts):
    with pytest.raises(CloudLocationError):
        CloudLocation(*parts)


def test_import_needs_the_standard_library_only():
    code = (
        "import sys; before = {*sys.modules}; import helpers.cloud; "
        "new = {name.partition('.')[0] for name in {*sys.modules} - before} - {'helpers'}; "
        "sys.exit(', '.join(new - sys.stdlib_module_names) or None)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


# Properties.

ALPHANUMERIC = "abcdefghijklmnopqrstuvwxyz0123456789"
BUCKETS = st.builds(
    "{}{}{}".format,
    st.sampled_from("abcxyz"),
    st.text(ALPHANUMERIC + ".-", min_size=1, max_size=61).filter(lambda text: ".." not in text),
    st.sampled_from(ALPHANUMERIC),
)
REGIONS = st.sampled_from(["", "us-east-1", "us-west-2", "us-gov-west-1", "ap-southeast-2"])
KEYS = st.text(min_size=1, max_size=100).filter(
    lambda key: (
        key.isprintable()
        and key == key.strip()
        and not key.startswith("/")
        and {".", ".."}.isdisjoint(key.replace("\\", "/").split("/"))
    )
)

# Odd texts are made of pieces that the rules look for, so that they get past the first check.
PIECES = st.sampled_from(
    [
        *(
            "s3://",
            "https://",
            "http://",
            "mast:",
            "s3.amazonaws.com",
            ".s3.us-west-2.amazonaws.com",
        ),
        *("heasarc.gsfc.nasa.gov/FTP/", "irsa.ipac.caltech.edu/ibe/data/wise/allwise/p3am_cdd/"),
        *("lambda.gsfc.nasa.gov/data/", "PS1/product/", "/ps1/", "/hst/public/", STACK, "abc"),
        *("/", "//", "..", "%2e", "%2F", "%00", "%ff", "?", "#", "\\", "\x00", "\n", "\ud800", " "),
        *("{", "}", "[", "]", "(", "'", '"', ":", ",", '"aws":', "'aws':", '"key":', '"bucket":'),
        *(
            "{'aws': {'bucket': 'abc', 'path': '",
            '{"aws": {"bucket": "abc", "path": "',
            "'}}",
            '"}}',
        ),
        *("None", "1", "-", "@", "datalink", "é", "\u202e"),
    ]
)
ODD_TEXT = st.lists(PIECES | st.text(max_size=8), max_size=8).map("".join)
WORDS = st.sampled_from(
    [
        *("aws", "AWS", "gc", "bucket", "bucket_name", "key", "path", "region", "access"),
        *("cloud_access", "access_url", "sia_url", "dataURI", "content_type", "error_message"),
    ]
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | ODD_TEXT
NESTED = st.recursive(
    SCALARS | st.binary(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(WORDS | ODD_TEXT, inner, max_size=5)
        | st.tuples(inner, inner)
    ),
    max_leaves=12,
)
COPIES = st.fixed_dictionaries(
    {"bucket": st.just("abc") | ODD_TEXT, "key": ODD_TEXT},
    optional={"region": REGIONS | ODD_TEXT, "access": st.sampled_from(["open", "none"]) | SCALARS},
).map(lambda copy: {"aws": copy})
ODD = st.one_of(
    ODD_TEXT,
    ODD_TEXT.map(lambda text: text.encode(errors="surrogatepass")),
    st.binary(max_size=60),
    NESTED,
    NESTED.map(repr),
    COPIES,
    COPIES.map(json.dumps),
    COPIES.map(repr),
    st.dictionaries(WORDS, SCALARS | COPIES.map(json.dumps), min_size=1, max_size=5),
)


@given(ODD)
@example("https://abc.s3.amazonaws.com/a/%2E%2E/b")
@example({"access_url": "[]"})
def test_odd_input_gives_a_location_or_the_packages_own_error(product):
    try:
        location = cloud_location(product)
    except CloudLocationError:
        return
    segments = location.key.replace("\\", "/").split("/")
    assert ".." not in segments
    assert location.key.isprintable()
    assert len(location.key.encode()) <= 1024
    assert cloud_location(location.https_url) == location


@given(BUCKETS, KEYS, REGIONS)
def test_https_url_and_uri_lead_back_to_the_location(bucket, key, region):
    location = CloudLocation("aws", bucket, key, region)
    back = cloud_location(location.https_url)
    assert (back.bucket, back.key) == (bucket, key)
    assert back.region == region or not region
    assert cloud_location(location.uri) == back == location


@given(BUCKETS, KEYS)
def test_cloud_access_names_the_location_however_it_is_written(bucket, key):
    copy = {"aws": {"bucket_name": bucket, "key": key}}
    location = CloudLocation("aws", bucket, key)
    assert cloud_location(copy) == cloud_location(json.dumps(copy)) == location
    assert cloud_location(json.dumps(copy, ensure_ascii=False).encode()) == location
