"""What the drift check asks of the registry."""

from __future__ import annotations

from replica.check import documents
from replica.check.answers import Row
from replica.check.question import Question
from replica.check.tables import VOTable

_REGISTRY = "http://reg.g-vo.org/tap"

#: The query that pyvo makes of ``registry.search(servicetype="sia", keywords="chandra")``.
_PLAIN = (
    "ivoid, res_type, short_name, res_title, content_level, res_description, reference_url, "
    "creator_seq, created, updated, rights, content_type, source_format, source_value, "
    "region_of_regard, waveband"
)
_AGGREGATES = ", ".join(
    f"ivo_string_agg(COALESCE({column}, ''), ':::py VO sep:::') AS {name}"
    for column, name in (
        ("access_url", "access_urls"),
        ("standard_id", "standard_ids"),
        ("intf_type", "intf_types"),
        ("intf_role", "intf_roles"),
        ("cap_description", "cap_descriptions"),
    )
)
_CHANDRA_SERVICES = f"""SELECT {_PLAIN}, {_AGGREGATES}
FROM rr.resource NATURAL LEFT OUTER JOIN rr.capability NATURAL LEFT OUTER JOIN rr.interface
WHERE (standard_id IN ('ivo://ivoa.net/std/sia')) AND (ivoid IN (
SELECT DISTINCT ivoid FROM rr.resource WHERE 1=ivo_hasword(res_description, 'chandra')
UNION ALL SELECT DISTINCT ivoid FROM rr.resource WHERE 1=ivo_hasword(res_title, 'chandra')
UNION ALL SELECT DISTINCT ivoid FROM rr.res_subject
WHERE rr.res_subject.res_subject ILIKE '%chandra%'))
GROUP BY {_PLAIN}"""

QUESTIONS = (
    Question("registry capabilities", f"{_REGISTRY}/capabilities", documents.capabilities),
    Question(
        "registry search",
        f"{_REGISTRY}/sync",
        VOTable(
            Row(
                {"ivoid": "ivo://nasa.heasarc/chanmaster"},
                cells=("access_urls", "standard_ids", "intf_types", "intf_roles"),
                captures={"chandra_search": "access_urls"},
            )
        ),
        form={"REQUEST": "doQuery", "LANG": "ADQL", "QUERY": _CHANDRA_SERVICES},
    ),
)
