r"""`ntio kd WORD ... COMMAND ...`: what a kernel debugger prints of a System.

    ntio kd ram_disk:size=1M,name=Disk0 log '!devstack Disk0' '!drvobj log'
    ntio kd ram_disk:size=1M invert log '!irp' --break invert

Words that begin with `!`, and `dt ...`, are commands (`debugger.kd`), the others a stack to build first, bottom first.
A command that needs a packet, and `--break`, let one request run to a driver's door: the commands are run there.
"""

from __future__ import annotations

import argparse
from contextlib import ExitStack

from ..debugger.breakpoint import Breakpoint
from ..debugger.kd import COMMANDS, Debugger, Report
from ..driver_kit import DeviceObject, Irp
from ..status import InvalidParameter
from ..system.stack import Stack
from ..system.system import System
from .one_request import add_request_arguments, check_request, send_request
from .output import UsageError, print_json
from .systems import add_verify_argument, command_stack, command_system

#: Commands that look at the packet at the breakpoint when they are given nothing.
_OF_A_PACKET = ("!irp", "!fileobj")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the subcommand takes."""
    parser.add_argument(
        "words", nargs="+", metavar="WORD", help=f"a stack's drivers, bottom first, then {', '.join(COMMANDS)} ..."
    )
    parser.add_argument("--break", dest="stop", metavar="DRIVER", help="let a request run to this driver's door")
    add_request_arguments(parser)
    add_verify_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print what each command finds."""
    check_request(arguments)
    words = [word for word in arguments.words if not is_command(word)]
    commands = [word for word in arguments.words if is_command(word)]
    if not commands:
        raise UsageError(f"no command; there are {', '.join(COMMANDS)}")
    with command_system(verify=arguments.verify) as system, ExitStack() as opened:
        stack = opened.enter_context(command_stack(system, words)) if words else None
        reports = _reports(system, stack, commands, arguments)
        if arguments.json:
            print_json({"hal": system.hal.name, "reports": reports})
        else:
            print("\n\n".join(f"kd> {report.command}\n{report.text}" for report in reports))
    return 0


def is_command(word: str) -> bool:
    """Whether a word of the command line is one for the debugger."""
    return word.split(" ", 1)[0] in COMMANDS or word.startswith("!")


def _reports(system: System, stack: Stack | None, commands: list[str], arguments: argparse.Namespace) -> list[Report]:
    def look(packet: Irp | None) -> None:
        debugger = Debugger(system, packet)
        found.extend(debugger.run(command) for command in commands)

    found: list[Report] = []
    try:
        if arguments.stop is None and not any(command.strip() in _OF_A_PACKET for command in commands):
            look(None)
            return found
        if stack is None:
            raise UsageError("a packet needs a stack to go through: give its drivers, bottom first")
        _send_and_look(stack, _device(stack, arguments.stop), look, arguments)
    except InvalidParameter as error:
        raise UsageError(str(error.strerror)) from error
    return found


def _send_and_look(stack: Stack, device: DeviceObject, look: object, arguments: argparse.Namespace) -> None:
    failures: list[Exception] = []

    def hit(irp: Irp) -> None:
        try:
            look(irp)  # type: ignore[operator]
        except InvalidParameter as error:  # it is the command's, not the driver's
            failures.append(error)

    with Breakpoint(device, hit) as stop:
        send_request(stack, arguments)
    if failures:
        raise failures[0]
    if not stop.reached:
        raise UsageError(f"the request never came to {device.driver.name}")


def _device(stack: Stack, driver: str | None) -> DeviceObject:
    devices = list(stack)
    if driver is None:
        return devices[-1]
    for device in devices:
        if device.driver.name == driver:
            return device
    raise UsageError(f"no driver {driver!r} in the stack; there are {', '.join(one.driver.name for one in devices)}")
