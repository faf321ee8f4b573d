"""The shape of the source tree is held by tests: the layers, what a driver consists of, names, docstrings, lengths.

The first half looks at the product, the second shows on small made-up trees that each rule can fail.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import layout_rules
import text_rules
from source_tree import Sources, read_sources, sources_from

ROOT = Path(__file__).parent.parent
PRODUCT = ROOT / "src" / "ntio"
LONGEST_FUNCTION = 50
LONGEST_FILE = 450

# Ratchets: what is longer than the limit, with the reason why it reads better in one piece. They may only shrink.
LONG_FUNCTIONS: dict[str, str] = {}
LONG_FILES: dict[str, str] = {}

Rule = Callable[[Sources], list[str]]
RULES: tuple[Rule, ...] = (
    layout_rules.unknown_entries,
    layout_rules.absolute_imports,
    layout_rules.upward_imports,
    layout_rules.machine_doors,
    layout_rules.outside_imports,
    layout_rules.driver_imports,
    layout_rules.import_cycles,
    layout_rules.unused_modules,
    text_rules.empty_names,
    text_rules.undocumented,
)


@pytest.fixture(scope="module")
def product() -> Sources:
    return read_sources(PRODUCT)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_product_keeps_the_rule(rule: Rule, product: Sources) -> None:
    complaints = rule(product)
    assert not complaints, "\n".join(["", str(rule.__doc__), *complaints])


def test_every_driver_has_its_page_and_its_test() -> None:
    complaints = text_rules.incomplete_drivers(PRODUCT, ROOT / "tests")
    assert not complaints, "\n".join(complaints)


def test_long_functions_are_listed_with_their_reason(product: Sources) -> None:
    assert text_rules.long_functions(product, LONGEST_FUNCTION).keys() == LONG_FUNCTIONS.keys()
    assert all(LONG_FUNCTIONS.values())


def test_long_files_are_listed_with_their_reason(product: Sources) -> None:
    assert text_rules.long_files(product, LONGEST_FILE).keys() == LONG_FILES.keys()
    assert all(LONG_FILES.values())


DOC = '"""What it is."""\n'

BREACHES = {
    "a package without a place": (layout_rules.unknown_entries, {"networking/x.py": DOC}, "networking"),
    "an absolute import": (layout_rules.absolute_imports, {"hal/x.py": "from ntio.status import A"}, "ntio.status"),
    "the face": (layout_rules.absolute_imports, {"system/x.py": "import ntio"}, "imports ntio"),
    "upward at the top": (layout_rules.upward_imports, {"hal/x.py": "from ..kernel import dpc"}, "runtime"),
    "upward in a function": (
        layout_rules.upward_imports,
        {"hal/x.py": "def f():\n    from ..kernel.dpc import Dpc"},
        "hal.x:2 imports ntio.kernel.dpc, which is not below it (deferred import)",
    ),
    "upward in a method": (
        layout_rules.upward_imports,
        {"hal/x.py": "class C:\n    async def f(self):\n        from .. import system", "system/__init__.py": ""},
        "ntio.system, which is not below it (deferred",
    ),
    "upward for a type": (
        layout_rules.upward_imports,
        {"kernel/x.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from ..io_manager.irp import Irp"},
        "type import",
    ),
    "upward under typing.TYPE_CHECKING": (
        layout_rules.upward_imports,
        {"kernel/x.py": "import typing\nif typing.TYPE_CHECKING:\n    from ..system import System"},
        "type import",
    ),
    "upward in a try": (
        layout_rules.upward_imports,
        {"hal/x.py": "try:\n    from ..system import System\nexcept ImportError:\n    pass"},
        "runtime import",
    ),
    "a sibling of the same line": (layout_rules.upward_imports, {"serve/x.py": "from ..win32 import y"}, "win32"),
    "to the right on an ordered line": (layout_rules.upward_imports, {"status.py": "from .abi import A"}, "abi"),
    "the face from a package": (layout_rules.upward_imports, {"system/x.py": "from .. import open"}, "imports ntio"),
    "a clock": (layout_rules.machine_doors, {"kernel/timer.py": "import time"}, "imports time; only hal may"),
    "a clock in a function": (layout_rules.machine_doors, {"kernel/timer.py": "def f():\n    import time"}, "time"),
    "a part of os": (layout_rules.machine_doors, {"drivers/log/__init__.py": "from os.path import join"}, "os.path"),
    "numpy's lots": (
        layout_rules.machine_doors,
        {"memory/x.py": "import numpy as np\nr = np.random.rand()"},
        "np.random",
    ),
    "numpy's lots by import": (layout_rules.machine_doors, {"memory/x.py": "import numpy.random"}, "numpy.random"),
    "ctypes beside abi": (layout_rules.machine_doors, {"status.py": "import ctypes"}, "ctypes"),
    "os in abi": (layout_rules.machine_doors, {"abi.py": "import os"}, "imports os"),
    "an undeclared library": (layout_rules.outside_imports, {"system/x.py": "import trio"}, "trio"),
    "a library out of place": (layout_rules.outside_imports, {"system/x.py": "import rich.table"}, "rich"),
    "a driver with a private import": (
        layout_rules.driver_imports,
        {"drivers/log/__init__.py": "from ...io_manager.irp import Irp"},
        "driver_kit and wdm",
    ),
    "a driver with another driver": (
        layout_rules.driver_imports,
        {"drivers/log/__init__.py": "from ..delay import Delay"},
        "imports ntio.drivers.delay",
    ),
    "a cycle of two": (
        layout_rules.import_cycles,
        {"hal/a.py": "from .b import B", "hal/b.py": "from .a import A"},
        "ntio.hal.a -> ntio.hal.b -> ntio.hal.a",
    ),
    "a cycle with the package": (
        layout_rules.import_cycles,
        {"hal/__init__.py": "from .a import A", "hal/a.py": "from . import CONSTANT"},
        "ntio.hal -> ntio.hal.a -> ntio.hal",
    ),
    "an unused module": (layout_rules.unused_modules, {"hal/x.py": DOC}, "ntio.hal.x is imported by nothing"),
    "an empty name": (text_rules.empty_names, {"hal/utils.py": DOC}, "ntio.hal.utils"),
    "a module without docstring": (text_rules.undocumented, {"hal/x.py": "A = 1"}, "ntio.hal.x has no docstring"),
    "a function without docstring": (text_rules.undocumented, {"hal/x.py": DOC + "def f():\n    pass"}, "x:2 f "),
    "a method without docstring": (
        text_rules.undocumented,
        {"hal/x.py": DOC + 'class C:\n    """It."""\n    def f(self):\n        pass'},
        "x:4 C.f ",
    ),
}


@pytest.mark.parametrize("name", BREACHES)
def test_a_breach_is_found(name: str) -> None:
    rule, files, expected = BREACHES[name]
    complaints = rule(sources_from(files))
    assert len(complaints) == 1
    assert expected in complaints[0]


ALLOWED = {
    "downward, of every kind": {
        "kernel/x.py": "from typing import TYPE_CHECKING\nfrom ..hal import y\n"
        "if TYPE_CHECKING:\n    from ..hal import z\ndef f():\n    from ..status import S"
    },
    "types of the same package, both ways": {
        "io_manager/irp.py": "from .device import Device",
        "io_manager/device.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .irp import Irp",
    },
    "to the left on an ordered line": {
        "abi.py": "from .status import S\nimport ctypes",
        "__main__.py": "from .cli import main",
    },
    "the machine in the hal and above the drivers": {"hal/x.py": "import os, time", "system/x.py": "import os"},
    "a driver's own folder and kit": {
        "drivers/log/__init__.py": "import numpy as np\nfrom ...driver_kit import Driver\n"
        "from .format import f\nfrom . import format",
        "drivers/log/format.py": "from ... import wdm",
        "wdm.py": "",
    },
    "extras where they belong": {
        "cli/x.py": "import rich",
        "testing/x.py": "import pytest\nimport hypothesis.strategies",
    },
}


@pytest.mark.parametrize("name", ALLOWED)
def test_what_is_allowed_is_not_complained_about(name: str) -> None:
    sources = sources_from(ALLOWED[name])
    import_rules = RULES[: RULES.index(layout_rules.unused_modules)]
    assert [complaint for rule in import_rules for complaint in rule(sources)] == []


def test_a_module_is_used_by_an_import_by_a_lazy_name_or_from_outside() -> None:
    sources = sources_from(
        {
            "__init__.py": 'LAZY = {"Ring": "system.ring"}',
            "system/__init__.py": "",
            "system/ring.py": "from ..hal.uring import U",
            "hal/__init__.py": "",
            "hal/uring.py": "",
            "cli/__init__.py": 'COMMANDS = {"tree": ".tree"}',
            "cli/tree.py": "",
            "__main__.py": "from .cli import main",
            "testing/simulate.py": "",
            "drivers/log/__init__.py": "",
        }
    )
    assert layout_rules.unused_modules(sources) == []


def test_docstrings_are_inherited_and_asked_of_public_names_only() -> None:
    text = DOC + (
        'class Base:\n    """It."""\n    def read(self):\n        """Read."""\n    def _hidden(self):\n        pass\n'
        'class Child(Base):\n    """It."""\n    def read(self):\n        def inner():\n            pass\n'
        '    @property\n    def size(self):\n        """Bytes."""\n'
        "    @size.setter\n    def size(self, value):\n        pass\n"
        "class _Own:\n    def f(self):\n        pass\n"
    )
    assert text_rules.undocumented(sources_from({"hal/x.py": text})) == []


def test_lengths_are_counted_in_lines() -> None:
    body = "".join(f"        a = {number}\n" for number in range(4))
    sources = sources_from({"hal/x.py": f"class C:\n    def long(self):\n{body}    def short(self):\n        pass\n"})
    assert text_rules.long_functions(sources, 4) == {"ntio.hal.x:C.long": 5}
    assert text_rules.long_files(sources, 7) == {"ntio.hal.x": 8}


def test_a_driver_without_page_and_test_is_found(tmp_path: Path) -> None:
    for name in ("good", "bare", "__pycache__"):
        (tmp_path / "drivers" / name).mkdir(parents=True)
    (tmp_path / "drivers" / "single.py").touch()
    (tmp_path / "drivers" / "good" / "README.md").touch()
    tests = tmp_path / "tests"
    (tests / "drivers").mkdir(parents=True)
    (tests / "drivers" / "test_good.py").touch()
    assert text_rules.incomplete_drivers(tmp_path, tests) == [
        "drivers/bare has no README.md",
        "drivers/bare has no test tests/drivers/test_bare.py",
        "drivers/single.py is a file; a driver is a folder",
    ]
