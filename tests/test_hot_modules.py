"""The hot modules keep to what mypyc needs to compile them: held by looking at their source, and at what gets in.

The second half shows on small made-up modules that each rule can fail.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import hot_rules
from ntio import DeviceObject, FilterDriver, Irp, Stack, System
from source_tree import Sources, read_sources, sources_from

PRODUCT = Path(__file__).parent.parent / "src" / "ntio"

Rule = Callable[[Sources], list[str]]
RULES: tuple[Rule, ...] = (
    hot_rules.untyped,
    hot_rules.without_slots,
    hot_rules.fields_in_names,
    hot_rules.subclassed,
    hot_rules.tricks,
    hot_rules.numpy_values,
)


@pytest.fixture(scope="module")
def product() -> Sources:
    return read_sources(PRODUCT)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_hot_modules_keep_the_rule(rule: Rule, product: Sources) -> None:
    assert len(list(hot_rules.hot(product))) >= 3
    complaints = rule(product)
    assert not complaints, "\n".join(["", str(rule.__doc__), *complaints])


class Watch(FilterDriver):
    """Keeps the types of what it finds in a packet."""

    def __init__(self) -> None:
        self.types: set[type] = set()

    def dispatch_read(self, device: DeviceObject, irp: Irp) -> int:
        at = irp.location
        self.types |= {type(value) for value in (at.major, at.length, at.key, at.byte_offset, irp.flags)}
        return irp.pass_down(self.done)

    def dispatch_write(self, device: DeviceObject, irp: Irp) -> int:
        return self.dispatch_read(device, irp)

    def done(self, device: DeviceObject, irp: Irp) -> None:
        self.types |= {type(irp.status), type(irp.information)}


@pytest.mark.row("R13")
def test_a_number_of_numpy_does_not_get_into_a_packet(system: System) -> None:
    watch = Watch()
    with Stack("ram_disk:size=64K", watch, system=system) as disk:
        disk.write(np.arange(100, dtype=np.uint8), np.uint64(512))  # type: ignore[arg-type]
        assert disk.read(np.int32(100), np.int64(512)) == bytes(range(100))  # type: ignore[arg-type]
        disk.read_into(np.zeros(8, "<u4"), np.uint8(16))  # type: ignore[arg-type]
    assert watch.types == {int}


SLOTS = "class C:\n    __slots__ = ()\n"

BREACHES = {
    "a parameter without type": (hot_rules.untyped, {"irp": "def f(a) -> None: ..."}, "f: a has no type"),
    "a result without type": (hot_rules.untyped, {"irp": "def f(a: int): ..."}, "its result"),
    "a star without type": (hot_rules.untyped, {"irp": "def f(*a) -> int: ..."}, "a has no type"),
    "a class without slots": (hot_rules.without_slots, {"irp": "class C:\n    a = 1"}, "C has no __slots__"),
    "a decorator": (hot_rules.without_slots, {"irp": "@final\n" + SLOTS}, "decorator"),
    "a dataclass": (hot_rules.without_slots, {"irp": "@dataclass(frozen=True)\nclass C:\n    a: int"}, "no __slots__"),
    "a metaclass": (hot_rules.without_slots, {"irp": SLOTS.replace("C:", "C(metaclass=M):")}, "metaclass"),
    "a base from elsewhere": (hot_rules.without_slots, {"irp": SLOTS.replace("C:", "C(Base):")}, "derives from Base"),
    "names with a field": (
        hot_rules.fields_in_names,
        {"irp": SLOTS.replace("C:", "C(Names):"), "nt_fields": "class Names:\n    __slots__ = ('a',)"},
        "Names is a base of a hot class",
    ),
    "a child elsewhere": (hot_rules.subclassed, {"irp": SLOTS, "x": "class D(irp.C):\n    pass"}, "x:1 D derives"),
    "a weak reference": (hot_rules.tricks, {"irp": "from weakref import ref"}, "weakref"),
    "weak references": (hot_rules.tricks, {"irp": "import weakref"}, "weakref"),
    "a made-up attribute": (hot_rules.tricks, {"irp": "setattr(a, b, 1)"}, "setattr"),
    "an attribute by name": (hot_rules.tricks, {"irp": "getattr(a, name)"}, "getattr"),
    "an object's dictionary": (hot_rules.tricks, {"irp": "a.__dict__['b'] = 1"}, "__dict__"),
    "an attribute by method": (hot_rules.tricks, {"irp": "def __getattr__(self, name) -> int: ..."}, "__getattr__"),
    "another class": (hot_rules.tricks, {"irp": "a.__class__ = B"}, "__class__"),
    "a number of numpy": (hot_rules.numpy_values, {"irp": "a = np.uint32(1)"}, "np.uint32"),
    "a number imported from numpy": (hot_rules.numpy_values, {"irp": "from numpy import uint32"}, "numpy"),
}


@pytest.mark.parametrize("name", BREACHES)
def test_a_breach_is_found(name: str) -> None:
    rule, files, expected = BREACHES[name]
    complaints = rule(sources_from({f"io_manager/packet/{module}.py": text for module, text in files.items()}))
    assert len(complaints) == 1
    assert expected in complaints[0]


ALLOWED = (
    "class Base:\n    __slots__ = ('a',)\nclass Child(Base):\n    __slots__ = ()\n"
    "    def f(self, a: np.uint32, *, b: int = 0) -> npt.NDArray[np.int64]:\n"
    "        getattr(a, '__qualname__', '')\n        return np.frombuffer(a, np.uint8)\n"
    "class Kind(enum.Enum):\n    A = 1\n@dataclass(slots=True)\nclass Row(Generic[T]):\n    a: int\n"
)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_what_is_allowed_is_not_complained_about(rule: Rule) -> None:
    child = "class CheckedIrp(Child):\n    pass"
    files = {"io_manager/packet/irp.py": ALLOWED, "verifier/x.py": child, "cli/x.py": "setattr"}
    assert rule(sources_from(files)) == []
