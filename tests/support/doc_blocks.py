"""The code blocks of a page, and how to run them.

A page is run from top to bottom in one folder: its ```python blocks in one namespace, and of its ```console and ```sh
blocks every line that starts with `$ ntio`, without a shell. A block that cannot run says so and why behind its
language, as in ```python no-run: needs a disk to spare
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(r"^(?P<indent> *)(?P<marks>`{3,}|~{3,})(?P<info>[^`]*)$")
PROMPT = "$ ntio "
SHELL_SIGNS = ("|", "||", "&", "&&", ";", ">", ">>", "<", "<<")
RUN_AT_MOST = 100.0
NO_RUN = "no-run"


@dataclass(frozen=True)
class Block:
    """One fenced block: the language and the rest of its first line, its text, and the page's line before the text."""

    language: str
    note: str
    text: str
    line: int

    @property
    def runs(self) -> bool:
        """Whether the block is to be run; a block held back without a reason is an error of the page."""
        if not self.note.startswith(NO_RUN):
            return True
        if not self.note.removeprefix(NO_RUN).strip(" :"):
            raise ValueError(f"line {self.line}: no-run without a reason")
        return False

    @property
    def commands(self) -> list[list[str]]:
        """The arguments of every `$ ntio` line of the block; a backslash at the end of a line joins the next."""
        lines = self.text.replace("\\\n", " ").splitlines()
        commands = [shlex.split(line.removeprefix(PROMPT), comments=True) for line in lines if line.startswith(PROMPT)]
        for command in commands:
            if any(sign in command for sign in SHELL_SIGNS):
                raise ValueError(
                    f"line {self.line}: {shlex.join(command)} needs a shell; give it a no-run with a reason"
                )
        return commands


def blocks(page: str) -> Iterator[Block]:
    """Every fenced block of a Markdown text."""
    lines = enumerate(page.splitlines(), 1)
    for number, line in lines:
        fence = FENCE.match(line)
        if not fence:
            continue
        body = []
        for _, inner in lines:
            if inner.strip().startswith(fence["marks"]) and not inner.strip().strip(fence["marks"][0]):
                break
            body.append(inner.removeprefix(fence["indent"]))
        language, _, note = fence["info"].strip().partition(" ")
        yield Block(language, note.strip(), "\n".join(body), number)


def run_page(page: Path) -> None:
    """Run everything on a page in the current folder; an exception's traceback points into the page."""
    namespace: dict[str, object] = {"__name__": f"page {page.name}"}
    for block in blocks(page.read_text(encoding="utf-8")):
        if block.language == "python" and block.runs:
            code = compile("\n" * block.line + block.text, str(page), "exec", dont_inherit=True)
            exec(code, namespace)
        elif block.language in ("console", "sh") and block.runs:
            for command in block.commands:
                run_python("-m", "ntio", *command)


def run_python(*arguments: str) -> str:
    """Run this Python in the current folder and return what it printed; a non-zero end is an error that shows it."""
    done = subprocess.run(
        [sys.executable, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=RUN_AT_MOST,
    )
    if done.returncode:
        raise AssertionError(f"{shlex.join(['python', *arguments])} ended with {done.returncode}:\n{done.stdout}")
    return done.stdout
