"""What a judge is, what it is asked, and what it finds."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import requests


class JudgeError(RuntimeError):
    """A judge failed, so that nothing is known of what it was asked."""


@dataclass(frozen=True)
class Setting:
    """Where the judges work.

    Attributes
    ----------
    environment : mapping
        The variables that lead to the replica, whom they judge.
    folder : pathlib.Path
        Where they may write; it goes when they have spoken.
    """

    environment: Mapping[str, str]
    folder: Path

    @property
    def proxy(self) -> str:
        return self.environment["HTTPS_PROXY"]

    @property
    def certificate(self) -> Path:
        return Path(self.environment["SSL_CERT_FILE"])

    def session(self) -> requests.Session:
        """Return a session that reaches the replica and nothing else."""
        session = requests.Session()
        session.trust_env = False
        session.proxies = dict.fromkeys(("http", "https"), self.proxy)
        session.verify = str(self.certificate)
        return session

    def get(self, url: str) -> requests.Response:
        """Return the replica's answer."""
        with self.session() as session:
            return session.get(url, timeout=120)


@dataclass(frozen=True)
class Case:
    """One thing that a judge is asked.

    Attributes
    ----------
    subject : str
        What is judged, such as an address or a file.
    findings : callable
        Asks, and returns a sentence for each error.
    """

    subject: str
    findings: Callable[[], list[str]]


@dataclass(frozen=True)
class Judge:
    """A program that nobody of this project wrote.

    Attributes
    ----------
    name, what : str
        The program, and what it judges.
    cases : callable
        Returns what it is asked in a setting.
    programs, packages : mapping
        The programs and Python packages that it needs, each with the command that installs it.
    """

    name: str
    what: str
    cases: Callable[[Setting], list[Case]]
    programs: Mapping[str, str]
    packages: Mapping[str, str]

    @property
    def missing(self) -> dict[str, str]:
        """What is not installed, each with the command that installs it."""
        return not_installed(self.programs, self.packages)


def not_installed(programs: Mapping[str, str], packages: Mapping[str, str]) -> dict[str, str]:
    """Return the programs and Python packages that are not there, and how to install them."""
    absent = {name: how for name, how in programs.items() if not shutil.which(name)}
    return absent | {name: how for name, how in packages.items() if not find_spec(name)}


@dataclass(frozen=True)
class Finding:
    """One error: who found it, where, and what it is."""

    judge: str
    subject: str
    text: str
