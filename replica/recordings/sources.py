"""Recordings behind the proxy: one that is made, or some that are replayed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from starlette.types import ASGIApp

from replica.recordings.keeping import Keeper
from replica.recordings.player import Player
from replica.recordings.recorder import Recorder
from replica.recordings.replaying import Fallback, Refusal, Replay, evaluating, recording
from replica.recordings.storage import INDEX
from replica.recordings.upstream import Upstream
from replica.recordings.writing import RunWriter
from replica.source import Evaluation

#: In a list of recordings, the replica itself: it evaluates what is not recorded.
REPLICA = "replica"
#: What `helpers.connect` says; set for every program that talks to a recording.
SENTENCE = "ARCHIVES_RECORDING"


class Recorded:
    """Replay recordings.

    Parameters
    ----------
    names : sequence of str
        Paths of recordings; `REPLICA` among them lets the replica evaluate the rest.

    Raises
    ------
    RecordingError
        If a recording cannot be read.
    """

    own_headers = False
    failed = False

    def __init__(self, names: Sequence[str]) -> None:
        self.player = Player([Path(name) for name in names if name != REPLICA])
        self._names = list(names)
        self._evaluates = REPLICA in names

    async def open(self) -> None:
        """Nothing need be opened."""

    def application(self) -> ASGIApp:
        """Return the application that replays."""
        self._replay = Replay(self.player, self._fallback())
        return self._replay

    def _fallback(self) -> Fallback:
        if not self._evaluates:
            return Refusal()
        replica = Evaluation()
        return evaluating(replica.application(), replica.refusal)

    def refusal(self, host: str) -> str | None:
        """Refuse no host at the door: the refusal of a request can name its URL."""
        return None

    def environment(self, proxy: str) -> dict[str, str]:
        """Return what `helpers.connect` looks at."""
        variables = {"ARCHIVES": f"recording:{','.join(self._names)}", SENTENCE: self.sentence}
        if self._evaluates or self.player.catalogue.data != "real":
            variables["ARCHIVES_REPLICA"] = proxy
        return variables

    @property
    def sentence(self) -> str:
        """What answers, in one line."""
        catalogue = self.player.catalogue
        data = {
            "real": "real data",
            "simulated": "simulated data of a replica",
            "mixed": "real data, and simulated ones of a replica",
        }[catalogue.data]
        rest = "; the replica simulates what was not recorded" if self._evaluates else ""
        return f"Recording: {data}, recorded on {catalogue.dates}{rest}."

    async def close(self) -> str:
        """Return how many requests were answered, and by whom."""
        answered = self._replay.answered
        shares = [f"{count} by the {who}" for who, count in answered.items() if who != "nobody"]
        refused = f"; {answered['nobody']} refused" if answered["nobody"] else ""
        return f"{answered.total()} requests: {', '.join(shares) or 'none answered'}{refused}"


class Recording:
    """Record into a recording.

    Parameters
    ----------
    path : pathlib.Path
        The recording's folder.
    only : sequence of str
        Patterns of the hosts whose answers are kept; empty keeps all.
    missing : bool
        Whether what is there already is replayed, and only the rest is asked for.

    Raises
    ------
    RecordingError
        If the folder holds something else.
    """

    own_headers = False

    def __init__(self, path: Path, only: Sequence[str] = (), *, missing: bool = False) -> None:
        # Before this run begins: it must not find its own answers.
        self._player = Player([path]) if missing and (path / INDEX).exists() else None
        self._path = path
        self.keeper = Keeper(RunWriter(path), only)
        self._upstream = Upstream()
        self._simulated = False

    async def open(self) -> None:
        """Find out whether the machine's proxy is a replica."""
        self._simulated = await self._upstream.is_replica()

    def application(self) -> ASGIApp:
        """Return the application that forwards and keeps."""
        recorder = Recorder(self.keeper, self._upstream)
        if self._player is None:
            return recorder
        return Replay(self._player, recording(recorder))

    def refusal(self, host: str) -> str | None:
        """Any host may be asked."""
        return None

    def environment(self, proxy: str) -> dict[str, str]:
        """Return what `helpers.connect` looks at."""
        variables = {SENTENCE: self.sentence, "ARCHIVES": "live"}
        if self._simulated:
            variables |= {"ARCHIVES": "replica", "ARCHIVES_REPLICA": proxy}
        return variables

    @property
    def sentence(self) -> str:
        """What answers, in one line."""
        who = "a replica answers, with simulated data" if self._simulated else "the hosts answer"
        return f"Recording into {self._path.name}: {who}."

    @property
    def failed(self) -> bool:
        """Whether the recording misses something."""
        return self.keeper.lost > 0

    async def close(self) -> str:
        """Keep what is still on its way, and end the run; return what was recorded."""
        await self._upstream.close()
        await asyncio.to_thread(self.keeper.finish)
        keeper = self.keeper
        removed = keeper.redactor.findings.removed
        lines = [f"{keeper.requests} requests, {keeper.bytes / 1e6:.1f} MB in {self._path}"]
        if removed:
            kinds = ", ".join(f"{count} × {kind}" for kind, count in sorted(removed.items()))
            lines.append(f"secrets removed: {kinds}")
        if keeper.lost:
            lines.append(f"NOT kept: {keeper.lost} answers; what is there is whole")
        return "\n".join(lines)
