"""The three HALs keep the same law."""

from __future__ import annotations

import pytest

from ntio.hal.choose import make_hal
from ntio.hal.machine import Hal
from ntio.testing.hal_tests import HalTests


@pytest.mark.row("R4", "R9", "R11", "R30")
class TestHal(HalTests):
    @pytest.fixture
    def hal(self, hal_name: str) -> Hal:
        return make_hal(hal_name, seed=7)
