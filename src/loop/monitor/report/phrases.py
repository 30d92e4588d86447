"""What a finding says, the same on the terminal, in markdown and in HTML."""

from datetime import date

from markupsafe import Markup

from loop.base.counted import counted, in_digits
from loop.base.markup import figure, plain
from loop.monitor.schema import (
    Decision,
    Feature,
    Finding,
    Gain,
    Kpi,
    KpiWeek,
    Outcomes,
    Signal,
    SliceDrift,
    SliceLoss,
    SubgroupGap,
)

HEADLINES: dict[Decision, str] = {
    "nothing": "Nothing to do: production looks as it did",
    "warning": "Warning: something moved, and the loss is within its limit",
    "loss": "Loss: the model does worse than it ever did, and no retrain is shown to help",
    "retrain": "Retrain: the model is overtaken, and a new one would do better",
    "alert": "Alert: production needs a person now",
    "broken feed": "Broken feed: the data breaks its contract, so nothing was judged",
    "suspected feed fault": "Suspected feed fault: the data changed from one day to the next",
    "no data": "No data: nothing can be judged",
}
STATISTICS = {
    "psi": "PSI",
    "ks": "KS",
    "jensen_shannon": "Jensen-Shannon",
    "chi_square": "chi-square",
    "missing": "missing share",
}


def alarms(finding: Finding) -> list[Signal]:
    """Signals beyond their limits, what enough runs confirm first."""
    return [one for one in ranked(finding.signals) if one.alarm]


def ranked(signals: list[Signal]) -> list[Signal]:
    """The confirmed, then what one run is beyond, then the quiet."""
    return sorted(signals, key=lambda one: (not one.confirmed, not one.alarm))


def state(signal: Signal) -> str:
    """What a signal says: of what is not confirmed nothing is concluded."""
    return "alarm" if signal.confirmed else "not confirmed" if signal.alarm else "quiet"


def value(signal: Signal) -> Markup:
    """A signal's newest value, with its interval where it has one: figures alone."""
    if signal.low is None or signal.high is None:
        return figure(signal.value)
    return Markup("{} [{}, {}]").format(figure(signal.value), figure(signal.low), figure(signal.high))


def named(statistic: str) -> str:
    """A statistic by its usual name."""
    return STATISTICS.get(statistic, statistic)


def moved(feature: Feature) -> str:
    """The statistic of a feature that is furthest beyond its limit, as "PSI 0.0800, limit 0.0500"."""
    known = [one for one in feature.statistics if one.value is not None and one.limit]
    if not known:
        return ""
    most = max(known, key=lambda one: (one.value or 0.0) / (one.limit or 1.0))
    return f"{named(most.name)} {figure(most.value)}, limit {figure(most.limit)}"


def slice_loss(one: SliceLoss) -> str:
    """Where the loss rose, as "shop north: 0.61, was 0.38 (1,203 rows)"."""
    return (
        f"{plain(one.feature, 60)} {plain(one.value, 60)}: {figure(one.after)}, was {figure(one.before)} "
        f"({one.rows:,} rows)"
    )


def slice_drift(one: SliceDrift) -> str:
    """What moved in one slice alone, as "shop north: score, PSI 0.31, limit 0.12 (1,203 rows)"."""
    return (
        f"{plain(one.cut, 60)} {plain(one.value, 60)}: {plain(one.column, 60)}, {named(one.distance)} "
        f"{figure(one.far)}, limit {figure(one.limit)} ({one.rows:,} rows)"
    )


def subgroup_gap(one: SubgroupGap) -> str:
    """The gap of a cut, as "shop: north less south 0.12 (0.08 to 0.16) in bias, limit 0.1: beyond it"."""
    return (
        f"{plain(one.cut, 60)}: {plain(one.most, 60)} less {plain(one.least, 60)} {figure(one.value)} "
        f"({figure(one.low)} to {figure(one.high)}) in {plain(one.metric, 60)}, limit {figure(one.limit)}"
        f"{': beyond it' if one.alarm else ''}"
    )


def sentence(text: str, longest: int = 2000) -> str:
    """Words that begin as a sentence and end as one, cut at so many characters."""
    cut = plain(text, longest)
    end = "" if cut[-1:] in (".", "!", "?", "…") else "."
    return f"{cut[:1].upper()}{cut[1:]}{end}"


def kpi(one: Kpi) -> str:
    """What a request came to in the newest week and the one before, and how many count."""
    title, unit = plain(one.title, 60), plain(one.unit, 20)
    if one.fault:
        return f"{title}: unknown, {plain(one.fault, 400)}"
    told = [f"{week(each)} {unit} a request until {plain(each.until, 10)}" for each in one.weeks[:-3:-1]]
    return f"{title}: {', before it '.join(told) or 'no week is final yet'}; requests: {plain(one.joined)}"


def week(one: KpiWeek) -> str:
    """The mean of a week with its interval, in as many digits as count."""
    value, low, high = ("-" if part is None else in_digits(part) for part in (one.value, one.low, one.high))
    return value if one.low is None else f"{value} ({low} to {high})"


def gained(gain: Gain, primary: str) -> str:
    """What a retrain would have gained, with its interval, and on how many rows."""
    interval = f"[{figure(gain.low, '+.4f')}, {figure(gain.high, '+.4f')}]"
    return (
        f"{figure(gain.value, '+.4f')} {interval} of {plain(primary, 40)}, "
        f"{gain.confidence:.0%} interval, on {gain.rows:,} matured rows"
    )


def _lasting(hours: float) -> str:
    """A length of time: in hours up to two days, then in days."""
    if hours <= 48:
        return f"{hours:.1f} h" if hours >= 0.05 else "minutes"
    return f"{hours / 24:,.0f} days"


def judged(finding: Finding) -> str:
    """Of which window the loss is, why not of the newest, and whether that window says anything of late."""
    window, newest = finding.matured, finding.inputs
    if window is None or newest is None or window.until == newest.until:
        return ""
    wait = (date.fromisoformat(newest.until[:10]) - date.fromisoformat(window.until[:10])).days
    said = (
        f"{plain(window.since[:10])} until {plain(window.until[:10])}, {counted(window.rows, 'label')}: "
        f"the newest that are final, {counted(wait, 'day')} after the decision"
    )
    if window.until[:10] <= finding.model.train_until[:10]:
        return f"{said}; none is of after training: of the loss since then nothing is known"
    return said


def labels(found: Outcomes) -> str:
    """Of how many decisions the label is known, how late labels come, and what is odd of them."""
    late = ""
    if found.delay_hours_median is not None and found.delay_hours_99 is not None:
        half, most = (_lasting(hours) for hours in (found.delay_hours_median, found.delay_hours_99))
        late = (
            f"; half come within {half}, 99 % within {most}" if half != most else f"; 99 % come within {most}"
        )
    counted = {
        "duplicate (the first counts)": found.duplicate_labels,
        "orphan (for no prediction)": found.orphan_labels,
        "known before their decision": found.before,
        "of decisions after now": found.ahead,
    }
    odd = ", ".join(f"{count:,} {what}" for what, count in counted.items() if count)
    return (
        f"{found.known:,} of {found.rows:,} known, {found.pending:,} pending, {found.unlabelled:,} unlabelled"
        f"{late}{f'; odd: {odd}' if odd else ''}"
    )
