"""The notebooks as they are stored: real cells, in step with their pairs, figures described."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

from tools.notebook_files import (
    NOTEBOOKS,
    code_cells,
    pair_of,
    read_source,
    sources,
    walkthrough,
    walkthroughs,
)
from tools.pair_notebooks import COMMAND

SOURCES = sources([])


def stored(source: Path) -> NotebookNode:
    assert pair_of(source).exists(), f"{source.name} has no pair: run {COMMAND}"
    return nbformat.read(pair_of(source), as_version=4)


def test_the_front_matter_numbers_the_notebooks() -> None:
    numbers = [facts.number for facts in walkthroughs().values()]
    assert numbers == list(range(1, len(SOURCES) + 1))


def test_a_wrong_field_of_the_front_matter_is_named(tmp_path: Path) -> None:
    source = tmp_path / "typo.md"
    text = SOURCES[0].read_text(encoding="utf-8")
    source.write_text(text.replace("code_cells:", "cells:"), encoding="utf-8")
    with pytest.raises(ValueError, match=r"typo\.md, front matter, walkthrough: .*'cells'"):
        walkthrough(source)


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
class TestEachNotebook:
    def test_has_the_cells_it_is_known_to_have(self, source: Path) -> None:
        plain = re.findall(r"^```python", source.read_text(encoding="utf-8"), re.MULTILINE)
        assert not plain, (
            f"{source.name} has {len(plain)} fences of plain python, which nobody runs: "
            f"make them {{code-cell}} and run {COMMAND}"
        )
        cells = len(code_cells(read_source(source)))
        known = walkthrough(source).code_cells
        assert cells == known, (
            f"{source.name} has {cells} code cells where its front matter says {known}"
        )

    def test_is_in_step_with_its_pair(self, source: Path) -> None:
        written = [(cell.cell_type, cell.source) for cell in read_source(source).cells]
        paired = [(cell.cell_type, cell.source) for cell in stored(source).cells]
        assert written == paired, f"{pair_of(source).name} is out of step: run {COMMAND}"

    def test_ran_from_the_first_cell_to_the_last(self, source: Path) -> None:
        cells = code_cells(stored(source))
        assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1)), (
            f"{pair_of(source).name} was not run in order: run {COMMAND}"
        )
        outputs = [output for cell in cells for output in cell.outputs]
        assert not [output for output in outputs if output.output_type == "error"]

    def test_stores_each_text_whole(self, source: Path) -> None:
        for cell in code_cells(stored(source)):
            streams = [each.name for each in cell.outputs if each.output_type == "stream"]
            assert len(streams) == len(set(streams)), f"in pieces: {cell.source}; run {COMMAND}"

    def test_describes_each_figure(self, source: Path) -> None:
        for cell in code_cells(stored(source)):
            for output in cell.outputs:
                if "image/png" in output.get("data", {}):
                    alt = output.metadata.get("image/png", {}).get("alt", "")
                    assert len(alt.split()) > 5, f"{source.name}: no alt text in {cell.source}"

    def test_shows_a_figure_and_says_what_to_notice(self, source: Path) -> None:
        text = source.read_text(encoding="utf-8")
        assert "show_image(" in text or "show_figure(" in text
        assert "Notice" in text

    def test_follows_the_five_verbs_in_order(self, source: Path) -> None:
        headings = re.findall(r"^## (.*)$", source.read_text(encoding="utf-8"), re.MULTILINE)
        verbs = [
            "1. Find",
            "2. Locate",
            "3. Open",
            "4. Cut Out",
            "5. Look",
            "Summary",
            "Exercises",
            "Further",
        ]
        headings = [heading for heading in headings if heading[:2] != "6."]
        assert len(headings) == len(verbs)
        for heading, verb in zip(headings, verbs, strict=True):
            assert heading.startswith(verb)

    def test_says_once_that_replica_data_are_simulated(self, source: Path) -> None:
        outputs = repr([cell.outputs for cell in code_cells(stored(source))])
        assert outputs.count("all data are simulated") == 1

    def test_holds_no_path_of_the_machine_that_ran_it(self, source: Path) -> None:
        assert not re.search(
            r"/(home|root|tmp|Users|work)/", pair_of(source).read_text(encoding="utf-8")
        )


def test_pairs_have_no_strangers_among_them() -> None:
    assert {path.stem for path in NOTEBOOKS.glob("*.ipynb")} == {source.stem for source in SOURCES}
