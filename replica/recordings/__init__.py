"""Recordings: what passed on the wire in one run, replayed without a network.

Objects (files with an ETag or a date, and ranges) are kept as spans of bytes of one version;
services as questions and answers.  The format is described in ``docs/recordings.md``.
"""

from __future__ import annotations

#: Names the format in the manifest.
FORMAT = "archives-in-the-cloud recording"
#: Version of the format; a recording with a higher one is refused.
FORMAT_VERSION = 1


class RecordingError(Exception):
    """A recording that cannot be read or written; the message says what to do."""
