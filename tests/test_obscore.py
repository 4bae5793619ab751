"""The table ``ivoa.obscore`` of IRSA's TAP: found by the registry, and the same as the SIA says."""

from __future__ import annotations

import pytest
import pyvo
from closing_session import ClosingSession

URL = "https://irsa.ipac.caltech.edu/TAP"
CRAB = "POINT('ICRS', 83.63321, 22.01446)"


pytestmark = pytest.mark.usefixtures("vocabularies_stay_here")


@pytest.fixture
def tap(session: ClosingSession) -> pyvo.dal.TAPService:
    return pyvo.dal.TAPService(URL, session=session)


def test_the_registry_leads_to_the_table(tap) -> None:
    found = pyvo.registry.search(datamodel="obscore", servicetype="tap")
    assert URL in [resource.get_service("tap", lax=True).baseurl for resource in found]
    assert "ivoa.obscore" in tap.tables


def test_it_lists_the_images_that_the_image_search_lists(tap, session) -> None:
    sia = pyvo.dal.SIA2Service("https://irsa.ipac.caltech.edu/SIA", session=session)
    searched = sia.search(pos=(83.63321, 22.01446, 0.0001))
    asked = f"SELECT * FROM ivoa.obscore WHERE 1 = CONTAINS({CRAB}, s_region)"
    queried = tap.search(asked)
    assert len(queried) > 0
    assert set(queried["access_url"]) == set(searched["access_url"])
    for name in ("s_ra", "em_min", "t_exptime"):
        both = [dict(zip(t["access_url"], t[name], strict=True)) for t in (queried, searched)]
        assert both[0] == both[1]


def test_positions_elsewhere_find_nothing(tap) -> None:
    asked = "SELECT * FROM ivoa.obscore WHERE 1 = INTERSECTS(CIRCLE(10, -40, 1), s_region)"
    assert len(tap.search(asked)) == 0
