"""The gate's numbers: margins, chosen on some pairs and held to their promise by others, and limits."""

from loop.calibrate import knowledge, limits, margins
from loop.calibrate.court import Court
from loop.calibrate.measurements import Measurements
from loop.calibrate.proposal import Proposal
from loop.review import leak
from loop.settings.review_policy import Policy


def chosen(court: Court, measured: Measurements) -> tuple[list[Proposal], bool]:
    """The margins, chosen within training and checked on the holdout; and whether they had to be widened."""
    known = knowledge.knowledge(measured.windows, measured.guesses)
    found = margins.proposed(measured.chosen, court.policy, known, measured.judged_clusters)
    rates = margins.rates(measured.checked, court.policy, margins_of(court.policy, found))
    if rates.verdicts["worse"] <= margins.WORSE:
        return found, False
    every = [*measured.chosen, *measured.checked]
    wider = margins.proposed(every, court.policy, known, measured.judged_clusters)
    return wider, margins_of(court.policy, wider) != margins_of(court.policy, found)


def others(court: Court, measured: Measurements, found: list[Proposal]) -> list[Proposal]:
    """Limits of the checks that hold one figure each."""
    policy, name = court.policy, court.policy.primary.metric
    pairs = [*measured.chosen, *measured.checked]
    luck = {
        metric: margins.usual([abs(pair.gains[metric][0]) for pair in pairs], limits.USUAL)
        for metric in pairs[0].gains
    }
    known = knowledge.knowledge(measured.windows, measured.guesses)
    jump = policy.leak.jump.metric
    lacks = knowledge.lacks(jump, measured.windows)
    unseen = leak.unseen(court.champion.score, court.champion.holdout)
    halves = [(pair.gains[name][2] - pair.gains[name][1]) / 2 for pair in measured.checked]
    width = margins.usual(halves, 0.5)
    held = measured.windows[2].rows
    return [
        *limits.minimum_requirements(policy, measured.windows, measured.guesses, luck),
        *limits.fairness(policy, measured.windows),
        *limits.golden(measured.golden),
        *limits.leaks(measured.tables, unseen, known[jump], lacks),
        limits.size(court.champion.megabytes),
        limits.latency(measured.slower, policy.latency.limit),
        *limits.holdout(width, margins_of(policy, found)["primary"], held.weight.shape[1], len(held.label)),
    ]


def margins_of(policy: Policy, found: list[Proposal] | None = None) -> dict[str, float]:
    """By check, the margin of the policy, or where one is proposed that."""
    own = {"primary": policy.primary.margin, "slices": policy.slices.margin}
    own |= {f"guards.{name}": guard.margin for name, guard in policy.guards.items()}
    for one in found or []:
        name = one.key.removeprefix("review.").removesuffix(".margin")
        if one.value is not None and name in own:
            own[name] = float(one.value)
    return own
