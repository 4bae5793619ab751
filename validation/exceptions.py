"""The errors that the judges find and that stay, each with its reason.

An entry that covers nothing is an error itself, so the list stays true.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from validation.judging import Finding


@dataclass(frozen=True)
class Explained:
    """Findings that stay.

    Attributes
    ----------
    judge : str
        Whose findings.
    subject, text : str
        Regular expressions, for the whole of the finding's subject and text.
    reason : str
        Why they stay, with the source.
    """

    judge: str
    subject: str
    text: str
    reason: str

    def covers(self, finding: Finding) -> bool:
        """Whether it is this finding that stays."""
        return (
            self.judge == finding.judge
            and re.fullmatch(self.subject, finding.subject) is not None
            and re.fullmatch(self.text, finding.text) is not None
        )


EXPLAINED = (
    Explained(
        "taplint",
        ".*",
        "LOC-NOTP: No table with name ivoa.obsplan",
        "the table is for observatories that publish their plans (ObsLocTAP 1.0, 1)",
    ),
    Explained(
        "moto",
        r"(object|bucket) \?.*",
        "status: 403 AccessDenied, moto .*",
        "moto knows no rights; each of these asks for one of its own, which visitors of a public "
        "bucket do not have (Service Authorization Reference, actions of Amazon S3)",
    ),
    Explained(
        "moto",
        "OPTIONS.*",
        "status: (403 AccessForbidden|400 BadRequest), moto 200",
        "moto's server answers OPTIONS by rules of its own; without a CORS configuration, "
        "S3 refuses (Amazon S3 API reference, OPTIONS object)",
    ),
    Explained(
        "moto",
        "(HEAD )?part .*",
        "status: (206|400 InvalidArgument|416 InvalidPartNumber), moto 200",
        "moto sends the whole object; partNumber is 'effectively a ranged GET request for the "
        "part specified' (GetObject)",
    ),
    Explained(
        "moto",
        "listing ., .*(max-keys=x|max-keys=-1|encoding-type=x|odd token)",
        "status: 400 InvalidArgument, moto (200|500)",
        "moto fails, or ignores them; S3 calls them invalid arguments (Error responses)",
    ),
    Explained(
        "moto",
        "listing 1, .*max-keys=[12]",
        r"parts: (\[\]|\[.\('NextMarker', '\S+'\).\]), moto \[.\('NextMarker', '[0-9a-f]{32}'\).\]",
        "moto's NextMarker is no key, and comes without a delimiter too (ListObjects)",
    ),
    Explained(
        "moto",
        "listing 1, .*(max-keys=1&delimiter=_|delimiter=/&max-keys=3)",
        r"(parts: \[.\('IsTruncated', 'true'\).*'NextMarker'.*|order of Prefix: \[\]), moto .*",
        "moto's max-keys does not count common prefixes; S3's does (ListObjects)",
    ),
    Explained(
        "moto",
        "listing 1, .*&marker=.*",
        r"parts: .*'Marker'.*, moto \[\]",
        "moto does not repeat the marker, which is 'included in the response if it was sent with "
        "the request' (ListObjects)",
    ),
    Explained(
        "moto",
        "(GET|HEAD) (lines=0-1|0-10)",
        "status: 200, moto (206|500)",
        "a range in units that a server does not know is ignored (RFC 9110, 14.2)",
    ),
    Explained(
        "moto",
        "(GET|HEAD) any If-Match",
        "status: 200, moto 412( PreconditionFailed)?",
        "an asterisk stands for any ETag (RFC 9110, 13.1.1)",
    ),
    Explained(
        "moto",
        "(GET|HEAD) If-Match and a newer date",
        "status: 200, moto 412( PreconditionFailed)?",
        "'S3 returns 200 OK and the data requested' where If-Match holds and "
        "If-Unmodified-Since does not (GetObject)",
    ),
    Explained(
        "moto",
        "response-content-type",
        "status: 400 InvalidRequest, moto 200",
        "'these parameters cannot be used with an unsigned (anonymous) request' (GetObject)",
    ),
)
