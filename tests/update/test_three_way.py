"""What becomes of each file, for every way in which three sides can differ."""

from itertools import product

import pytest

from loop.base.errors import UsageError
from loop.update.three_way import Sides, chosen, conflict, outcome, without_own

FORMS = (None, "a", "b", "c")


def files(**forms: str | None):
    return {path: ("100644", form) for path, form in forms.items() if form}


def of(base, ours, theirs) -> Sides:
    return Sides(files(x=base), files(x=ours), files(x=theirs))


def merged(sides: Sides):
    """What git makes of one file; None for a conflict."""
    base, ours, theirs = (side.get("x") for side in (sides.base, sides.ours, sides.theirs))
    if theirs in (base, ours):
        return sides.ours
    return sides.theirs if base == ours else None


@pytest.mark.parametrize(("base", "ours", "theirs"), product(FORMS, FORMS, FORMS))
def test_whatever_the_three_sides_are_keep_is_the_copys_and_take_the_templates(base, ours, theirs):
    sides = of(base, ours, theirs)
    if base or theirs:
        assert merged(chosen(sides, (), ["x"], ())) == sides.ours
        assert merged(chosen(sides, (), (), ["x"])) == sides.theirs
        assert merged(chosen(sides, ["x"], (), ())) == merged(sides)


@pytest.mark.parametrize(("base", "ours", "theirs"), product(FORMS, FORMS, FORMS))
def test_each_file_is_in_one_list_at_most_and_in_one_if_it_moved(base, ours, theirs):
    sides = of(base, ours, theirs)
    result = merged(sides)
    if result is None:
        assert conflict(sides, "x")
        return
    lists = [name for name, found in vars(outcome(sides, result)).items() if found]
    assert len(lists) <= 1
    assert (result == sides.ours) == (lists in ([], ["kept"], ["gone"]))


@pytest.mark.parametrize(
    ("sides", "name"),
    [
        (("a", "a", "b"), "replaced"),
        ((None, None, "b"), "added"),
        (("a", "a", None), "removed"),
        (("a", "b", "a"), "kept"),
        (("a", None, "a"), "gone"),
    ],
)
def test_an_outcome_has_its_name(sides, name):
    found = outcome(of(*sides), merged(of(*sides)))
    assert getattr(found, name) == ["x"]


def test_a_file_that_both_changed_and_git_could_merge_is_named():
    assert outcome(of("a", "b", "c"), files(x="d")).merged == ["x"]


@pytest.mark.parametrize(
    ("sides", "why"),
    [
        (("a", "b", "c"), "edited here and by the template"),
        (("a", None, "c"), "removed here, and changed by the template"),
        (("a", "b", None), "edited here, and removed by the template"),
        ((None, "b", "c"), "a file here, and new in the template"),
    ],
)
def test_a_conflict_says_who_did_what(sides, why):
    assert conflict(of(*sides), "x") == why


def test_only_leaves_every_other_file_as_it_is():
    sides = Sides(files(x="a", y="a"), files(x="a", y="a"), files(x="b", y="b", z="b"))
    assert chosen(sides, ["x"], (), ()).theirs == files(x="b", y="a")


def test_a_path_that_no_version_has_is_wrong_usage():
    with pytest.raises(UsageError, match="nowhere"):
        chosen(of("a", "a", "a"), ["nowhere"], (), ())


def test_what_is_a_persons_is_none_of_the_templates():
    found = files(**{"README.md": "a", "params.yaml": "a", "Makefile": "a"})
    assert without_own(found) == files(Makefile="a")
