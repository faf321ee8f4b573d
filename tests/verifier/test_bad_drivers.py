"""Each wrong driver is stopped by the bug check of the rule it breaks, with the packet's history; none can hang."""

from __future__ import annotations

import pytest

import ntio
from bad_drivers import BAD, Bad
from ntio.driver_kit import major
from ntio.io_manager.cancel import cancel_irp
from ntio.io_manager.packet.irp import Irp
from ntio.testing.sent import Sent
from ntio.verifier import rules
from ntio.verifier.verifier import Verifier

pytestmark = [pytest.mark.row("R19", "R22"), pytest.mark.stops_system]

SIMULATED = "simulated"


def stopped_by(bad: Bad, verifier: Verifier) -> ntio.BugCheck:
    """Build the stack, send what is to be sent, take it down; the bug check that came of it."""
    system = ntio.System(SIMULATED, verify=verifier)
    try:
        with pytest.raises(ntio.BugCheck) as caught:
            build_and_send(bad, system)
    finally:
        close(system)
    return caught.value


def build_and_send(bad: Bad, system: ntio.System) -> None:
    """What the driver's user does."""
    with ntio.Stack(*bad.layers(), system=system) as stack:
        for _ in range(bad.times if bad.send >= 0 else 0):
            sent = Sent(stack, bad.send, None if bad.send == major.IRP_MJ_FLUSH_BUFFERS else bytearray(512))
            if bad.cancel:
                cancel_irp(sent.irp)
    system.close()  # a driver that has requests is unloaded here at the latest


def close(system: ntio.System) -> None:
    """Close a System that has stopped: that raises as well, and nothing is left of it but packets."""
    try:
        system.close()
    except ntio.BugCheck:
        pass


@pytest.mark.parametrize("name", BAD)
def test_a_wrong_driver_is_stopped_by_its_rule(name: str) -> None:
    bad, verifier = BAD[name], Verifier()
    check = stopped_by(bad, verifier)
    assert (check.code, check.parameters[0] if bad.rule.number else 0) == (bad.rule.code, bad.rule.number)
    assert bad.rule.text in check.note
    packets = [one for one in check.parameters if isinstance(one, Irp)]
    assert not packets or "history:" in str(check)
    assert [check] == verifier.violations or bad.rule is rules.OUT_OF_LOCATIONS
