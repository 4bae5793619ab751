"""The header of a part of an image: its two axes alone, with their pixels counted anew.

Keywords after FITS standard 4.0, section 8.2 and Table 22, and others that count axes or pixels:
CROTAi, PC00i00j, LTVi, LTMi_j and WATi_nnn of IRAF, CNPIXi of the Digitized Sky Survey.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from copy import copy
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from astropy.io import fits

# Groups: the number of an axis or of two, and the letter of an alternative WCS.
_OF_AXES = (
    re.compile(
        r"(?:NAXIS|CTYPE|CUNIT|CRVAL|CDELT|CROTA|CRPIX|CNAME|CRDER|CSYER|CPERI|CZPHS|CNPIX|LTV)"
        r"(\d+)(?P<letter>[A-Z]?)"
    ),
    re.compile(r"(?:PV|PS|WAT)(\d+)_\d+(?P<letter>[A-Z]?)"),
    re.compile(r"(?:PC|CD|LTM)(\d+)_(\d+)(?P<letter>[A-Z]?)"),
    re.compile(r"(?:PC|CD)(\d{3})(\d{3})(?P<letter>)"),
)
_TABLE = re.compile(r"(CPDIS|CPERR|DP|D2IMDIS|D2IMERR|D2IM)\d+(\..*)?|AXISCORR|D2IMEXT")
_SUM = re.compile("CHECKSUM|DATASUM")
_NUMBER_OF_AXES = re.compile("WCSAXES[A-Z]?")


class PartHeaders:
    """The headers of parts of an image: what all of them share is found once.

    A part's header has the two celestial axes alone, and its WCS is that of the part.
    Alternative WCS move along, but for those that mix the part's axes with others.  Look-up
    tables of a distortion stay behind, because they are other HDUs; a HISTORY card says so.

    Parameters
    ----------
    header : astropy.io.fits.Header
        Header of the image.
    axes : tuple of int
        Numbers of its celestial axes.
    """

    def __init__(self, header: fits.Header, axes: tuple[int, ...]) -> None:
        from astropy.io import fits

        shared = fits.Header(_cards(header, axes))
        shared["NAXIS"] = 2
        for keyword in filter(_NUMBER_OF_AXES.fullmatch, list(shared)):
            shared[keyword] = 2
        if any(map(_TABLE.fullmatch, header)):
            shared.add_history("Look-up tables of the distortion are left out: they are other HDUs")
        self._letters = _letters(shared)
        # So that all parts have the same cards, and a value that is no number is found now.
        _move(shared, slice(0, shared["NAXIS2"]), slice(0, shared["NAXIS1"]), self._letters)
        self._shared = shared
        moving = _moving(self._letters)
        self._places = [n for n, keyword in enumerate(shared.keys()) if keyword in moving]
        self._cards = [shared.cards[place] for place in self._places]
        self._lines = [str(card) for card in shared.cards]

    def of(self, rows: slice, columns: slice) -> fits.Header:
        """Return the header of some rows and columns, which may begin before 0."""
        moved = self._shared.copy()
        _move(moved, rows, columns, self._letters)
        return moved

    def text_of(self, rows: slice, columns: slice) -> str:
        """Return the same header as text, in a tenth of the time."""
        from astropy.io import fits

        moved = fits.Header([copy(card) for card in self._cards])
        _move(moved, rows, columns, self._letters)
        lines = self._lines.copy()
        for place, card in zip(self._places, moved.cards, strict=True):
            lines[place] = str(card)
        return "".join([*lines, "END".ljust(80)])


def _letters(header: fits.Header) -> list[str]:
    """Letters of all WCS of a header; that of the first is empty."""
    return sorted({match["letter"] for key in header if (match := _match(key))})


def _cards(header: fits.Header, axes: tuple[int, ...]) -> Iterator[fits.Card]:
    """Copy the cards that are of some axes, under their new numbers, and those of none."""
    from astropy.io import fits

    mixed = _mixed(header, axes)
    for card in header.cards:
        match = _match(card.keyword)
        if match is None:
            if not _TABLE.fullmatch(card.keyword) and not _SUM.fullmatch(card.keyword):
                yield copy(card)
        elif _axes(match) <= set(axes) and match["letter"] not in mixed:
            keyword = _renumbered(match, axes)
            same = keyword == card.keyword
            yield copy(card) if same else fits.Card(keyword, card.value, card.comment)


def _match(keyword: str) -> re.Match[str] | None:
    return next((match for form in _OF_AXES if (match := form.fullmatch(keyword))), None)


def _axes(match: re.Match[str]) -> set[int]:
    return {int(number) for number in match.groups()[:-1]}


def _renumbered(match: re.Match[str], axes: tuple[int, ...]) -> str:
    keyword = match[0]
    for group in range(match.re.groups - 1, 0, -1):
        start, stop = match.span(group)
        number = str(axes.index(int(match[group])) + 1)
        keyword = keyword[:start] + number.zfill(3 if stop - start == 3 else 1) + keyword[stop:]
    return keyword


def _mixed(header: fits.Header, axes: tuple[int, ...]) -> set[str]:
    """Letters of the alternative WCS of which a matrix couples some axes with others."""
    letters = set()
    for match in filter(None, map(_match, header)):
        letter, inside = match["letter"], _axes(match) & set(axes)
        if letter and inside and inside != _axes(match) and header[match[0]]:
            letters.add(letter)
    return letters


def _moving(letters: list[str]) -> set[str]:
    """Keywords that say where a part begins, and how long it is."""
    names = {f"CRPIX{axis}{letter}" for axis in "12" for letter in letters}
    return names | {f"{name}{axis}" for axis in "12" for name in ("NAXIS", "CNPIX", "LTV")}


def _move(header: fits.Header, rows: slice, columns: slice, letters: list[str]) -> None:
    """Count pixels from a part's first on, in every WCS; without a card, CRPIX is 0."""
    for axis, part in ((1, columns), (2, rows)):
        for letter in letters:
            keyword = f"CRPIX{axis}{letter}"
            header[keyword] = header.get(keyword, 0.0) - part.start
        for keyword, sign in ((f"CNPIX{axis}", 1), (f"LTV{axis}", -1)):
            if keyword in header:
                header[keyword] += sign * part.start
        header[f"NAXIS{axis}"] = part.stop - part.start
