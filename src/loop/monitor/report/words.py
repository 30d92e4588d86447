"""What a finding says in words, the same on the terminal, in markdown and on the page."""

from loop.base.markup import figure, plain
from loop.monitor.schema import Feature, Finding, Gain, Outcomes, Signal, Word

HEADLINES: dict[Word, str] = {
    "nothing": "Nothing to do: production looks as it did",
    "watch": "Watch: something moved, and no harm is shown",
    "retrain": "Retrain: the model is overtaken, and a new one would do better",
    "page": "Page: production needs a person now",
    "broken feed": "Broken feed: the data breaks its contract, so nothing was judged",
    "no data": "No data: nothing can be said",
}
STATISTICS = {
    "psi": "PSI",
    "ks": "KS",
    "jensen_shannon": "Jensen-Shannon",
    "chi_square": "chi-square",
    "missing": "missing share",
}


def alarms(finding: Finding) -> list[Signal]:
    """Signals beyond their limits."""
    return [signal for signal in finding.signals if signal.alarm]


def value(signal: Signal) -> str:
    """A signal's newest value, with its interval where it has one."""
    if signal.low is None or signal.high is None:
        return figure(signal.value)
    return f"{figure(signal.value)} [{figure(signal.low)}, {figure(signal.high)}]"


def named(statistic: str) -> str:
    """A statistic in the field's words."""
    return STATISTICS.get(statistic, statistic)


def moved(feature: Feature) -> str:
    """The statistic of a feature that is furthest beyond its limit, as "PSI 0.0800, limit 0.0500"."""
    known = [one for one in feature.statistics if one.value is not None and one.limit]
    if not known:
        return ""
    most = max(known, key=lambda one: (one.value or 0.0) / (one.limit or 1.0))
    return f"{named(most.name)} {figure(most.value)}, limit {figure(most.limit)}"


def sentence(text: str, longest: int = 2000) -> str:
    """Words that begin as a sentence and end as one, cut at so many characters."""
    said = plain(text, longest)
    end = "" if said[-1:] in (".", "!", "?", "…") else "."
    return f"{said[:1].upper()}{said[1:]}{end}"


def gained(gain: Gain, primary: str) -> str:
    """What a retrain would have gained, with its interval, and on how many rows."""
    interval = f"[{figure(gain.low, '+.4f')}, {figure(gain.high, '+.4f')}]"
    return (
        f"{figure(gain.value, '+.4f')} {interval} of {plain(primary, 40)}, "
        f"{gain.confidence:.0%} interval, on {gain.rows:,} matured rows"
    )


def labels(found: Outcomes) -> str:
    """Of how many decisions the label is known, how late labels come, and what is odd of them."""
    late = ""
    if found.delay_hours_median is not None and found.delay_hours_99 is not None:
        late = (
            f"; half come within {found.delay_hours_median:.1f} h, 99 % within {found.delay_hours_99:.1f} h"
        )
    counted = {
        "came twice (the first counts)": found.twice,
        "for no prediction": found.strange,
        "known before their decision": found.before,
        "of decisions after now": found.ahead,
    }
    odd = ", ".join(f"{count:,} {what}" for what, count in counted.items() if count)
    return (
        f"{found.known:,} of {found.rows:,} known, {found.pending:,} pending, {found.never:,} never to come"
        f"{late}{f'; odd: {odd}' if odd else ''}"
    )
