"""The chain of environments, held to its rules and read from main; evidence that counts, or does not."""

import pandas as pd
import pytest
import yaml

from loop.base.errors import LoopError
from loop.production import branch, environments, rehearsal
from loop.production.environments import Environments
from loop.settings.params import parse
from production.test_branch import git
from support.states import NOW, clone, released, version  # noqa: F401 - clone is a fixture

pytestmark = pytest.mark.slow

CHAIN = ["staging", "production"]
DAY = pd.Timedelta(days=1)


def on_main(clone, text: str) -> None:  # noqa: F811
    (clone / "deploy").mkdir(exist_ok=True)
    (clone / "deploy/environments.yaml").write_text(text)
    git("add", "deploy")
    git("commit", "--quiet", "-m", "environments")
    git("push", "--quiet", "origin", "HEAD:main")


@pytest.mark.parametrize(
    ("chain", "found"),
    [
        (["production", "staging"], "production is the last of every chain"),
        (["staging"], "production is the last of every chain"),
        (["staging", "staging", "production"], "staging is there twice"),
        (["Staging!", "production"], "Staging! cannot be the branch of an environment"),
        (["main", "production"], "main cannot be the branch of an environment"),
        (["looks", "production"], "looks cannot be the branch of an environment"),
    ],
)
def test_a_chain_that_cannot_be_is_refused_with_its_reason(chain, found):
    with pytest.raises(LoopError, match=found):
        parse("environments", {"chain": chain}, Environments)


def test_mains_chain_counts_whatever_is_edited_here(clone):  # noqa: F811
    assert environments.in_force().chain == ["production"]
    with pytest.raises(LoopError, match="no environment before production, such as staging"):
        environments.known("staging")
    on_main(clone, yaml.safe_dump({"chain": CHAIN}))
    (clone / "deploy/environments.yaml").write_text("chain: [production]")
    assert environments.in_force().chain == CHAIN
    with pytest.raises(LoopError, match="stagin is no environment before production"):
        environments.known("stagin")


def shown(**changed) -> rehearsal.Rehearsal:
    """What version 2 showed beside version 1 in staging."""
    sides = [
        rehearsal.Side(
            version=one.version, commit=one.commit, model=one.model, answered=90, median_ms=2.0, p99_ms=9.5
        )
        for one in (version(1), version(2))
    ]
    shift = rehearsal.Shift(of=None, value=0.01, low=1e-05, high=0.02, announced=0.012)
    figures = {
        "environment": "staging",
        "at": NOW,
        "day": "2026-01-04",
        "image": version(2).image,
        "rows": 120,
        "asked": 100,
        "both": 88,
        "refused": {"personal: name": 10},
        "champion": sides[0],
        "challenger": sides[1],
        "as_logged": 0.0,
        "shifts": [shift],
    }
    return rehearsal.made(**(figures | changed))


def keep(text: str, name: str = "staging") -> None:
    branch.change(lambda now: (now.state, "Rehearse", None), lambda _: {rehearsal.path(2): text}, name)


@pytest.fixture
def staged(clone):  # noqa: F811
    released(version(1))
    git("push", "--quiet", "origin", "origin/production:refs/heads/staging")
    return clone


def evidence(days: int = 7, **of) -> rehearsal.Rehearsal:
    asked = {"version": version(2), "champion": version(1), "now": NOW} | of
    return rehearsal.of(branch.fetch("staging"), days_max=days, **asked)


def test_what_is_written_is_read_again(staged):
    keep(branch.dump(shown()))
    assert evidence() == shown()
    assert branch.fetch().commit != branch.fetch("staging").commit


def test_evidence_that_was_edited_by_hand_does_not_count(staged):
    text = branch.dump(shown())
    for was, now in [
        ("answered: 90", "answered: 89"),
        ("value: 0.01", "value: 0.0"),
        ("both: 88", "both: 99"),
    ]:
        assert was in text
        keep(text.replace(was, now))
        with pytest.raises(LoopError, match="its seal is of other figures"):
            evidence()


def test_evidence_of_something_else_or_too_old_does_not_count(staged):
    keep(branch.dump(shown()))
    for of, found in [
        ({"now": NOW + 8 * DAY}, "is of 2026-01-05"),
        ({"now": NOW - 3 * DAY}, "is of 2026-01-05"),
        ({"version": version(2, commit="f" * 40)}, "another commit"),
        ({"version": version(2, model="f" * 64)}, "another model"),
        ({"version": version(2, image="ghcr.io/team/model@sha256:" + "f" * 64)}, "another image"),
        ({"champion": version(3)}, "another champion's commit"),
        ({"version": version(3)}, "version 3 was not rehearsed in staging"),
    ]:
        with pytest.raises(LoopError, match=found) as refused:
            evidence(**of)
        assert "loop rollout rehearse --environment staging" in refused.value.todo


def test_production_holds_a_version_of_such_a_chain_only_with_its_rehearsal(clone):  # noqa: F811
    on_main(clone, yaml.safe_dump({"chain": CHAIN}))
    commit = git("rev-parse", "HEAD")
    released(version(1, commit=commit), version(2, commit=commit))
    assert rehearsal.skipped(branch.fetch()) == [2]
    sides = {"challenger": shown().challenger.model_copy(update={"commit": commit})}
    keep(branch.dump(shown(**sides)), "production")
    assert rehearsal.skipped(branch.fetch()) == []
    on_main(clone, "chain: [production]")
    keep("not: one", "production")
    assert rehearsal.skipped(branch.fetch()) == []
