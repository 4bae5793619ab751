"""The site: built without a network and without a warning, from what is there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import helpers
from tools.notebook_files import ROOT, walkthroughs


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site") / "site"
    command = [sys.executable, "-m", "tools.build_site", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def pages(site: Path) -> dict[str, str]:
    return {str(p.relative_to(site)): p.read_text(encoding="utf-8") for p in site.rglob("*.html")}


def test_each_notebook_has_a_page_and_a_card(site: Path) -> None:
    front = (site / "index.html").read_text(encoding="utf-8")
    for name, facts in walkthroughs().items():
        assert (site / "notebooks" / f"{name}.html").exists()
        assert f'href="notebooks/{name}.html"' in front
        assert facts.lesson.split(",")[0] in front


@pytest.mark.parametrize("name", helpers.__all__)
def test_each_public_name_has_a_page(site: Path, name: str) -> None:
    assert (site / "api" / f"helpers.{name}.html").exists()


def test_no_page_loads_anything_from_elsewhere(site: Path) -> None:
    for name, text in pages(site).items():
        loaded = re.findall(r"<(?:script|img|iframe)[^>]*\ssrc=\"(https?:[^\"]*)", text)
        loaded += re.findall(r"<link[^>]*stylesheet[^>]*href=\"(https?:[^\"]*)", text)
        assert loaded == [], name


def test_every_picture_has_alt_text(site: Path) -> None:
    for name, text in pages(site).items():
        for picture in re.findall(r"<img[^>]*>", text):
            assert re.search(r'alt="[^"]{10,}"', picture), f"{name}: {picture[:200]}"


def test_no_mark_of_a_generated_part_is_left(site: Path) -> None:
    for name, text in pages(site).items():
        assert not re.search(r"<!-- (gallery|notebooks|names|costs|regions) -->", text), name


def test_the_search_finds_a_word_of_a_notebook(site: Path) -> None:
    index = (site / "searchindex.js").read_text(encoding="utf-8")
    assert re.search(r'"?lzw"?:', index)


def test_a_page_without_neighbours_in_its_section_has_no_empty_sidebar(site: Path) -> None:
    for name, text in pages(site).items():
        sidebar = re.search(r'id="pst-primary-sidebar" class="([^"]*)".*?<main', text, re.DOTALL)
        if sidebar and "hide-on-wide" not in sidebar[1]:
            section = re.search(r"bd-docs-nav.*?</nav>", sidebar[0], re.DOTALL)
            assert section, name
            assert "toctree-l1" in section[0], name


def test_hidden_cells_show_one_of_their_two_labels(site: Path) -> None:
    style = (site / "_static" / "site.css").read_text(encoding="utf-8")
    hidden = re.search(r"([^{}]*)\{ display: none; \}", style)
    assert hidden
    page = (site / "notebooks" / "irsa_allwise.html").read_text(encoding="utf-8")
    labels = re.findall(r'<span class="(collapsed|expanded) admonition-title">', page)
    assert sorted(set(labels)) == ["collapsed", "expanded"]
    assert "details.hide[open] > summary > .collapsed" in hidden[1]
    assert "details.hide:not([open]) > summary > .expanded" in hidden[1]
