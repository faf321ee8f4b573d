"""An object manager of its own for each test, on the simulated machine."""

from __future__ import annotations

import pytest

from ntio.hal.choose import make_hal
from ntio.object_manager.manager import ObjectManager


@pytest.fixture
def objects() -> ObjectManager:
    return ObjectManager(make_hal("simulated"))
