"""Every page runs, and every example: what the documentation shows is what happens."""

from __future__ import annotations

from pathlib import Path

import pytest

from doc_blocks import Block, blocks, run_page, run_python
from ntio.system.default import close_default_system

ROOT = Path(__file__).parent.parent
PAGES = sorted(
    path
    for path in (*ROOT.glob("README.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("src/ntio/drivers/*/README.md"))
    if any(block.language in ("python", "console", "sh") for block in blocks(path.read_text(encoding="utf-8")))
)
EXAMPLES = sorted(ROOT.glob("examples/**/*.py"))


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=name)
def test_a_page_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    try:
        run_page(page)
    finally:
        close_default_system()  # a page uses it as a program does, for which it is closed at the end


@pytest.mark.slow
@pytest.mark.parametrize("example", EXAMPLES, ids=name)
def test_an_example_runs(example: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run_python(str(example))


def test_blocks_are_found_with_their_language_note_and_line() -> None:
    page = (
        "Text\n```python\na = 1\n\nb = 2\n```\n"
        "- item\n  ```console no-run: takes long\n  $ ntio demo\n  ```\n````\n```\n````\n"
    )
    assert list(blocks(page)) == [
        Block("python", "", "a = 1\n\nb = 2", 2),
        Block("console", "no-run: takes long", "$ ntio demo", 8),
        Block("", "", "```", 11),
    ]


def test_commands_are_the_lines_after_the_prompt() -> None:
    block = Block("console", "", "$ ntio tree --json  # all of it\n{}\n$ make\n$ ntio read \\\n  'a b'", 1)
    assert block.commands == [["tree", "--json"], ["read", "a b"]]


def test_a_command_that_needs_a_shell_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a shell"):
        _ = Block("console", "", "$ ntio tree | head", 1).commands


def test_a_block_is_held_back_only_with_a_reason() -> None:
    assert not Block("python", "no-run: needs Windows", "", 1).runs
    with pytest.raises(ValueError, match="without a reason"):
        _ = Block("python", "no-run", "", 1).runs


def test_blocks_of_a_page_share_a_namespace_and_errors_point_into_it(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Page\n```python\na = 1\n```\ntext\n```python\nassert a == 1\nraise KeyError(a)\n```\n")
    with pytest.raises(KeyError) as caught:
        run_page(page)
    assert caught.traceback[-1].lineno == 7  # counted from 0
    assert str(caught.traceback[-1].path) == str(page)


def test_a_program_that_fails_shows_what_it_printed() -> None:
    with pytest.raises(AssertionError, match="ended with 3:\nreason"):
        run_python("-c", "import sys; print('reason'); sys.exit(3)")
