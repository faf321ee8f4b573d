"""The `ntio` command: one file per subcommand, and what they share.

    ntio demo [PATH]         everything once, on real files      ntio where NAME       which routine is NT's NAME
    ntio tree [WORD ...]     the device stacks of a System       ntio new filter NAME  a filter with page and test
    ntio objects [WORD ...]  the object namespace                ntio doctor           what this machine offers
    ntio trace WORD ...      one request through every driver
    ntio kd WORD ... CMD     what a kernel debugger prints: !irp, !devstack, !drvobj ...
    ntio read PATH ...       read many files             ntio sum PATH ...     their hashes
    ntio copy SOURCE TARGET  copy files and folders

A subcommand is a module with `add_arguments(parser)` and `run(arguments)`, loaded when it is the one asked for. `run`
returns the exit code: 0 it worked, 1 it failed, 2 it was called wrongly, 130 interrupted. An error is one line on
stderr.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from .._version import __version__
from ..bugcheck import BugCheck
from ..status import NtError
from .output import CommandError, UsageError

#: Each subcommand: its module, and what it does in a few words.
COMMANDS = {
    "demo": (".demo", "read a folder through rings, build a stack, trace a request, measure"),
    "read": (".read", "read every file through rings, say how many bytes and how fast"),
    "sum": (".sum", "print the SHA-256 of every file, as sha256sum does"),
    "copy": (".copy", "copy files and folders through rings"),
    "tree": (".tree", "draw the device stacks of a System"),
    "objects": (".objects", "draw the object namespace of a System"),
    "trace": (".trace", "follow one request through every driver of a stack and back"),
    "kd": (".kd", "print what a kernel debugger does: !irp, !devobj, !devstack, !drvobj, !object, !handle"),
    "where": (".where", "find where an NT name is implemented"),
    "new": (".new", "write the beginnings of a filter: code, page and test"),
    "doctor": (".doctor", "say which HAL is in use and why, and what is missing for what"),
}

INTERRUPTED = 130
#: What a shell reports for a program that ended because nobody read its output.
OUTPUT_CLOSED = 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with these arguments (those of the process when left out); returns the exit code."""
    _let_any_text_out()
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        code = _run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        _drop_output()
        return OUTPUT_CLOSED
    except KeyboardInterrupt:
        print("ntio: interrupted", file=sys.stderr)
        return INTERRUPTED
    return code


def _run(argv: list[str]) -> int:
    chosen = next((word for word in argv if not word.startswith("-")), "")
    try:
        arguments = _make_parser(chosen).parse_args(argv)
        code: int = arguments.run(arguments)
    except SystemExit as end:  # argparse has said what it had to say
        return int(end.code or 0)
    except UsageError as error:
        return _complain(error, 2)
    except (CommandError, NtError, BugCheck) as error:
        return _complain(error, 1)
    except BrokenPipeError:
        raise
    except (OSError, MemoryError) as error:
        return _complain(error, 1)
    return code


def _make_parser(chosen: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ntio", description="The Windows NT I/O system as a Python library.")
    parser.add_argument("--version", action="version", version=f"ntio {__version__}")
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, (module_name, summary) in COMMANDS.items():
        subparser = subparsers.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
        if name == chosen:
            module = importlib.import_module(module_name, __name__)
            module.add_arguments(subparser)
            subparser.add_argument("--json", action="store_true", help="print data instead of text")
            subparser.set_defaults(run=module.run)
    return parser


def _complain(error: BaseException, code: int) -> int:
    text = str(error) or type(error).__name__
    print(f"ntio: {text}", file=sys.stderr)
    return code


def _let_any_text_out() -> None:
    # A path or a line-drawing sign that the terminal's encoding lacks is shown escaped, it must not end the command.
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def _drop_output() -> None:
    # What is still buffered would raise once more when the interpreter flushes at exit.
    try:
        descriptor = os.open(os.devnull, os.O_WRONLY)
        os.dup2(descriptor, sys.stdout.fileno())
        os.close(descriptor)
    except (OSError, ValueError):
        pass
