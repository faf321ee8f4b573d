"""`ntio trace WORD ...`: one request on its way through every driver of a stack and back."""

from __future__ import annotations

import argparse

from ..debugger.trace import Tracer
from ..status import NtError
from .one_request import add_request_arguments, check_request, send_request
from .output import print_json
from .systems import add_verify_argument, command_stack, command_system


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the subcommand takes."""
    parser.add_argument("stack", nargs="+", metavar="WORD", help="the stack's drivers, bottom first")
    add_request_arguments(parser)
    add_verify_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Send the request and draw its way; a request that fails is drawn as well, and ends the command with 1."""
    check_request(arguments)
    with command_system(verify=arguments.verify) as system, command_stack(system, arguments.stack) as stack:
        failure: NtError | None = None
        with Tracer(stack) as tracer:
            try:
                send_request(stack, arguments)
            except NtError as error:
                failure = error
        if arguments.json:
            print_json({"hal": system.hal.name, "requests": tracer.as_data()})
        elif tracer.requests:
            print(tracer.draw())
        if failure is not None:
            raise failure
    return 0
