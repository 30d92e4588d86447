"""What changed: params, policy, packages, data; each key once, with what it was and is."""

from loop.review.changes import moved, packages
from loop.review.verdict import Change


def rows(found: list[Change]) -> list[tuple]:
    return [(row.name, row.old, row.new) for row in found]


def test_only_what_differs_is_reported_with_what_it_was_and_is():
    old, new = {"a": 1, "b": [1], "gone": True}, {"a": 1, "b": [2], "come": None, "here": 0}
    assert rows(moved(old, new)) == [
        ("b", "[1]", "[2]"),
        ("come", None, "null"),
        ("gone", "true", None),
        ("here", None, "0"),
    ]


def lock(**versions: str) -> str:
    return "".join(f'[[package]]\nname = "{name}"\nversion = "{at}"\n' for name, at in versions.items())


def test_packages_that_moved_came_or_went_are_reported():
    found = packages(lock(numpy="2.4.5", gone="1.0", same="3.0"), lock(numpy="2.4.6", come="0.1", same="3.0"))
    assert rows(found) == [("come", None, "0.1"), ("gone", "1.0", None), ("numpy", "2.4.5", "2.4.6")]


def test_a_lock_that_cannot_be_read_tells_no_version():
    assert rows(packages("not = [toml", lock(numpy="2.4.6"))) == [("numpy", None, "2.4.6")]
    assert packages(None, None) == []
