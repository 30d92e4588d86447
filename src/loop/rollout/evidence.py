"""What a stage has shown of the challenger: figures beside their limits, and what is missing still.

In a stage that mirrors, both models answered the same requests: they are compared request by request
(shadow.py). In a canary each answered its share: they are compared as arms (canary.py).
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import pandas as pd

from loop.base.counted import counted
from loop.data import prediction_log
from loop.data.kpi import Joined
from loop.production.rollout_policy import Needed, Policy
from loop.production.state import Challenger, Champion
from loop.rollout import canary, outcomes, shadow
from loop.rollout.evidence_check import Check, number
from loop.settings.paths import POLICY

DAY = pd.Timedelta(days=1)


@dataclass(frozen=True)
class Evidence:
    """What is known at `now` of a challenger in its stage; rows and labels are those of the challenger."""

    version: int
    stage: str
    weight: int
    since: pd.Timestamp
    now: pd.Timestamp
    days: float
    rows: int
    labels: int
    pending: int
    needs: Needed
    checks: list[Check] = field(default_factory=list)
    odd: dict[str, int] = field(default_factory=dict)  # duplicate and orphan labels
    unjoinable: str = ""  # why no label finds its row, where labels are needed
    kpi: str = ""  # how many requests count for the KPI, or why none does
    kpi_fault: str = ""  # why what `kpi_max` limits cannot be told at all

    @property
    def missing(self) -> list[str]:
        """What the stage needs still, in words with numbers."""
        unmatched = 0 if self.labels else self.odd.get("orphan labels", 0)
        hint = "for no row of the log: is KEY written, and hashed, as in the source?"
        strangers = f" ({unmatched:,} are known {hint})" if unmatched else ""
        asked = [
            (math.floor(self.days * 10) / 10, self.needs.days_min, "days"),
            (self.rows, self.needs.rows_min, "rows"),
            (self.labels, self.needs.labels_min, f"labels{strangers}"),
        ]
        short = [f"{found:,g} of {least:,} {what}" if what == "days" else f"{found:,} of {least:,} {what}"
                 for found, least, what in asked if found < least]  # fmt: skip
        short += [f"no KPI: {self.kpi_fault}"] if self.kpi_fault else []
        return short + [check.needs for check in self.checks if check.status == "not enough" and check.needs]

    @property
    def worse(self) -> list[str]:
        """What is beyond its limit."""
        return [
            f"{check.title}: {number(check.value)}, limit {check.limit:g}"
            for check in self.checks
            if check.status == "worse" and check.limit is not None
        ]

    def text(self) -> str:
        """One screen, for the terminal and the commit message."""
        pending = f" ({self.pending:,} pending)" if self.pending else ""
        head = [
            f"version {self.version} in {self.stage}, {self.weight} % of the requests,"
            f" since {self.since:%Y-%m-%d %H:%MZ}",
            f"  {self.days:.1f} days, {counted(self.rows, 'row')}, {counted(self.labels, 'label')}{pending}, "
            f"as of {self.now:%Y-%m-%d %H:%MZ}",
        ]
        body = [f"  {check.text()}" for check in self.checks if math.isfinite(check.value)]
        blank = [check.title for check in self.checks if not math.isfinite(check.value)]
        unjoined = [f"cannot be joined: {self.unjoinable}"] if self.unjoinable else []
        ends = [
            ("no figure yet", blank),
            ("KPI", [self.kpi] if self.kpi else []),
            ("missing", self.missing),
            ("labels", unjoined),
            ("worse", self.worse),
        ]
        return "\n".join([*head, *body, *(f"  {name}: {'; '.join(what)}" for name, what in ends if what)])

    def as_json(self) -> dict[str, Any]:
        """Plain values; instants as ISO texts, None for what is not defined."""
        made = asdict(self) | {"needs": self.needs.model_dump(), "missing": self.missing, "worse": self.worse}
        made["since"], made["now"] = self.since.isoformat(), self.now.isoformat()
        made["checks"] = [
            {key: None if isinstance(value, float) and not math.isfinite(value) else value
             for key, value in check.items()} for check in made["checks"]
        ]  # fmt: skip
        return made


def gather(
    champion: Champion,
    challenger: Challenger,
    policy: Policy,
    log: pd.DataFrame,
    labels: pd.DataFrame,
    now: pd.Timestamp,
    values: Joined | None = None,
) -> Evidence:
    """What the log and the labels known at `now` say of the challenger in its stage.

    `log` is of predictions.read, from `began(challenger)` on; `labels` have source.KEY, label and
    label_known_at; `values` are what a canary's requests came to, where the problem has a KPI.
    """
    stage = challenger.stage
    log = log.assign(**{outcomes.KPI: values.values if values else math.nan})
    labelled, odd = prediction_log.with_labels(log[log["at"] <= now], labels[labels["label_known_at"] <= now])
    needs, rows = needed(challenger, policy), labelled
    checks: Sequence[Check] = ()
    if stage.mirror:
        rows, checks = shadow.compare(champion, challenger, labelled, policy.limits, needs)
    elif stage.weight:
        rows, checks = canary.compare(champion, challenger, labelled, policy.limits, needs)
    else:
        rows = labelled.iloc[:0]
    known = int(rows["label"].notna().sum())
    newest = labelled["at"].max() if len(labelled) else stage.since
    until = newest if stage.mirror or stage.weight else now  # days without a record do not count
    return Evidence(
        version=challenger.version,
        stage=stage.name,
        weight=stage.weight,
        since=stage.since,
        now=now,
        days=max(0.0, (until - stage.since) / DAY),
        rows=len(rows),
        labels=known,
        pending=len(rows) - known,
        needs=needs,
        checks=list(checks),
        odd=odd,
        unjoinable=prediction_log.unjoinable() if needs.labels_min else "",
        kpi=(values.fault or values.counts.text()) if values else "",
        kpi_fault=_kpi_fault(policy, values) if stage.weight else "",
    )


def _kpi_fault(policy: Policy, values: Joined | None) -> str:
    if policy.limits.kpi_max is None:
        return ""
    return values.fault if values else f"{POLICY} has limits.kpi_max, and src/problem/metrics.py no KPI"


def began(challenger: Challenger) -> pd.Timestamp:
    """Since when rows count: of its stage, or of its first canary, as all of them are pooled."""
    stage = challenger.stage
    return stage.since if not stage.weight else min(one.since for one in challenger.stages if one.weight)


def needed(challenger: Challenger, policy: Policy) -> Needed:
    """What its stage needs by the policy as it is now: of a stage that is gone, what the next larger does."""
    named = [step for step in policy.stages if step.name == challenger.stage.name]
    larger = [step for step in policy.stages if step.weight >= challenger.weight]
    found = next(iter([*named, *larger]), None)
    return found.needs if found else Needed(days_min=0, rows_min=0, labels_min=0)
