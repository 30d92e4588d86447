"""A finding for people: it fits a screen, a comment, a page, and nothing foreign in it acts."""

import re
from functools import cache
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from loop.monitor.report import phrases
from loop.monitor.report import text as report
from loop.monitor.report.html import report as page
from loop.monitor.schema import Event, Finding, Window
from support import findings

RENDERER = MarkdownIt("gfm-like", {"html": True, "linkify": True})
RENDERER.linkify.set({"fuzzy_link": False})  # GitHub links no bare "0.al"; "www." is looked for
HOSTILE = "<img src=x> [a](http://evil.example) @team #1 | `x` www.evil.example **b** $x_1$ </svg>\n## head"
DAYS = ("since", "until", "day", "train_from", "train_until", "runs", "days")
FIGURES = re.compile(r'data-figure="(\w+)"')
OURS = {"h2", "p", "strong", "em", "table", "thead", "tbody", "tr", "th", "td", "ul", "li", "code"}
made = pytest.mark.parametrize("decision", findings.ALL)


@cache
def shown(decision: str) -> str:
    """The page of a finding as it is, drawn once for all tests."""
    return page(findings.ALL[decision]())


def with_text(finding: Finding, text: str) -> Finding:
    """The finding with `text` in place of every text that data, params or branches may choose."""

    def changed(value, key=""):
        if isinstance(value, dict):
            return {name: changed(part, name) for name, part in value.items()}
        if isinstance(value, list):
            return [changed(part, key) for part in value]
        ours = key in (*DAYS, "decision", "kind", "now")
        return text if isinstance(value, str) and not ours else value

    return Finding(**changed(finding.model_dump()))


def emptied(finding: Finding) -> Finding:
    """The finding in which every number that may be unknown is."""

    def changed(value):
        return {key: None if part is None or key in unknown else part for key, part in value.items()}

    unknown = {"value", "low", "high", "limit", "p", "delay_hours_median", "delay_hours_99", "since"}
    changed_to = finding.model_dump()
    for point in changed_to["curves"]:
        point.update({key: None for key in point if key not in ("until", "baseline", "rows")})
    changed_to["signals"] = [changed(one) for one in changed_to["signals"]]
    for feature in changed_to["features"]:
        feature["statistics"] = [changed(one) for one in feature["statistics"]]
        feature.update(p=None, since=None, heat=[None] * len(feature["heat"]))
    if changed_to["cusum"]:
        changed_to["cusum"].update(path=[None] * len(changed_to["cusum"]["path"]), limit=None)
    return Finding(**changed_to)


def many(finding: Finding) -> Finding:
    """The finding with 200 features of long names, as many signals, events, notes and breaches."""
    name, runs = "a_rather_long_name_of_a_feature_" * 4, findings.retrain().runs
    signals = findings.signals(inputs=3, loss=3, bias=3)
    features = [
        findings.feature(place % 12, runs, 1.5 * (place % 40 == 39)).model_copy(
            update={"name": f"{place}_{name}", "importance": 0.02 / (1 + place)}
        )
        for place in range(200)
    ]
    return finding.model_copy(
        update={
            "runs": runs,
            "features": features,
            "features_that_matter": [one.name for one in features if one.alarm][:3],
            "signals": [one.model_copy(update={"title": "|" * 60}) for one in signals] * 10,
            "events": findings.quiet().events * 20,
            "notes": ["a note of many words " * 30] * 20,
            "breaches": findings.broken_feed().breaches * 40,
            "changes": findings.suspected_feed_fault().changes * 40,
            "slices": findings.loss().slices * 40,
        }
    )


def first_run(finding: Finding) -> Finding:
    """The finding after one run: one column, one point, one day."""
    changed_to = finding.model_dump()
    changed_to["runs"], changed_to["curves"] = changed_to["runs"][-1:], changed_to["curves"][-1:]
    changed_to["features"] = [one | {"heat": one["heat"][-1:]} for one in changed_to["features"]]
    changed_to["cusum"] = changed_to["cusum"] and changed_to["cusum"] | {
        key: changed_to["cusum"][key][:1] for key in ("days", "path")
    }
    return Finding(**changed_to)


BENT = {"as it is": lambda found: found, "unknown": emptied, "many": many, "first run": first_run}
KINDS = [
    *[(decision, "as it is") for decision in findings.ALL],
    *[("retrain", bend) for bend in BENT if bend != "as it is"],
    ("broken feed", "many"),
    ("quiet", "first run"),
]


@pytest.mark.parametrize(("decision", "bend"), KINDS, ids=map(" ".join, KINDS))
def test_every_finding_fits_one_screen_eight_kilobytes_and_a_page(decision, bend):
    finding = BENT[bend](findings.ALL[decision]())
    html = shown(decision) if bend == "as it is" else page(finding)
    screen, text = report.terminal(finding), report.markdown(finding)
    assert len(screen.splitlines()) <= 24
    assert max(len(line) for line in screen.splitlines()) <= 100
    assert len(text.encode()) <= 8_000
    for start in (screen, text.removeprefix("## "), re.search("<h1>(.*)</h1>", html)[1]):
        assert start.lower().startswith(finding.decision)


def test_a_run_says_which_window_it_judged_and_why_not_the_newest():
    """Labels take two days; a year; none at all. Of a year, none is of after training."""
    quiet, year = findings.quiet(), Window(since="2012-06-02", until="2012-06-30", rows=9_000)
    why = "the newest that are final, {} after the decision"
    for found, window, said in (
        (quiet, quiet.matured, why.format("2 days")),
        (
            quiet.model_copy(update={"matured": year}),
            year,
            why.format("367 days") + "; none is of after training",
        ),
    ):
        for text in (report.terminal(found), report.markdown(found), page(found)):
            words = " ".join(text.split())
            assert f"{window.since} until {window.until}, {window.rows:,} labels: {said}" in words
    at_once = quiet.model_copy(update={"matured": quiet.inputs})
    assert "judged" not in report.terminal(at_once)


def test_a_change_of_the_feed_says_place_day_was_and_is_everywhere():
    finding = findings.suspected_feed_fault()
    for text in (report.terminal(finding), report.markdown(finding), shown("suspected feed fault")):
        words = " ".join(re.sub(r"<[^>]+>|[|`]", " ", text).split())
        for part in ("weather.temperature_f", "2013-06-03", "a median of 66", "a median of 19", "dewpoint_f"):
            assert part in words
        assert "the partner left" in words


def test_a_long_change_is_told_whole_and_what_does_not_fit_is_counted():
    was, now = ("a value of its own, " * 5 + end for end in ("the old end", "the new end"))
    finding = findings.suspected_feed_fault()
    one = finding.changes[0].model_copy(
        update={"before": was, "after": now, "summary": f"weather.temperature_f: was {was}, is {now}"}
    )
    for changes in ([one], [one] * 9):
        long = finding.model_copy(update={"changes": changes})
        for text in (report.terminal(long), report.markdown(long)):
            words = " ".join(re.sub(r"[|`]", " ", text).split())
            assert was in words
            assert now in words
            assert "…" not in words
    assert "more" in report.terminal(long)


def test_where_the_loss_rose_is_named_with_the_loss_then_and_now():
    finding = findings.loss()
    for text in (report.terminal(finding), report.markdown(finding), shown("loss")):
        words = " ".join(re.sub(r"<[^>]+>|[|`]", " ", text).split())
        for part in ("operator", "UA", "0.874", "0.391", "4,711"):
            assert part in words


@made
def test_the_same_finding_gives_the_same_bytes(decision):
    one, two = findings.ALL[decision](), findings.ALL[decision]()
    assert report.terminal(one) == report.terminal(two)
    assert report.markdown(one) == report.markdown(two)
    assert page(one) == shown(decision)


@given(st.one_of(st.text(max_size=80), st.just(HOSTILE), st.just("W" * 500)))
@settings(deadline=None, max_examples=60)
def test_foreign_text_is_only_words(text):
    hostile = (findings.loss(), findings.broken_feed(), findings.suspected_feed_fault())
    for finding in hostile:
        changed_to = report.markdown(with_text(finding, text), "https://example.test/blob/main")
        assert len(changed_to.encode()) <= 8_000
        html = RENDERER.render(changed_to)
        link = r'<a href="https://example.test/blob/main/[\w./-]+">'
        tags = set(re.findall(r"<(\w+)", re.sub(link, "", html)))
        assert tags <= OURS
        words = re.sub(r"<code.*?</code>", "", re.sub(link, "", html), flags=re.DOTALL)
        assert not re.search(r"(?<!\w)@\w|(?<!&)#\d|\bwww\.\w|<[^>]*(href|src)=", words)
        for line in report.terminal(with_text(finding, text)).split("\n"):
            assert len(line) <= 100
            assert not re.search("[\u0000-\u001f\u007f-\u009f\u202e]", line)


def test_a_table_has_as_many_cells_in_each_row():
    for finding in (findings.retrain(), findings.broken_feed()):
        for block in report.markdown(with_text(finding, HOSTILE)).split("\n\n"):
            rows = [line for line in block.splitlines() if line.startswith("|")]
            assert len({line.count("|") for line in rows}) <= 1, rows


@pytest.mark.parametrize("text", [HOSTILE, "$\\frac{1}{2}$", "{{ 7 * 7 }} &lt;b&gt; ]]>"])
def test_the_page_shows_foreign_text_as_words_and_is_well_formed(text):
    for decision in ("retrain", "broken feed"):
        html = page(with_text(findings.ALL[decision](), text))
        seen = Tags()
        seen.feed(html)
        assert not seen.open
        assert not {"img", "script", "a", "iframe", "object", "image", "foreignobject"} & seen.names
        assert not [link for link in seen.links if not link.startswith(("#", "url(#"))]
        assert "49" not in re.findall(r"<code>(.*?)</code>", html)


class Tags(HTMLParser):
    """The names of all tags, what they link to, and those that were left open."""

    def __init__(self):
        super().__init__()
        self.names, self.links, self.open = set(), [], []

    def handle_starttag(self, tag, attrs):
        self.handle_startendtag(tag, attrs)
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.names.add(tag)
        self.links += [value for name, value in attrs if name.split(":")[-1] in ("href", "src")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_a_page_with_news_has_every_figure():
    assert FIGURES.findall(shown("retrain")) == ["signals", "timeline", "heat", "ages"]


@pytest.mark.parametrize("decision", ["broken feed", "no data"])
def test_what_was_not_judged_has_no_figure(decision):
    assert not FIGURES.findall(shown(decision))


def test_a_broken_feed_has_no_figure_even_where_there_are_numbers():
    finding = findings.retrain().model_copy(update={"decision": "broken feed"})
    assert not FIGURES.findall(page(finding))


def test_a_broken_feed_opens_with_its_rules_and_what_to_do_about_each():
    finding = findings.broken_feed()
    for text in (report.markdown(finding), page(finding)):
        places = [text.index(part) for part in ("To do:", "in_range(-40, 130)", "311", "which station")]
        assert places == sorted(places)
    assert "temperature_f: in_range(-40, 130) broken by 311 rows" in report.terminal(finding)


def test_numbers_stand_beside_their_limits_and_alarms_come_first():
    rows = [line for line in report.markdown(findings.retrain()).splitlines() if line.startswith("| ")]
    marks = [row.split("|")[1].strip() for row in rows[1:]]
    assert marks == ["**alarm**"] * 5 + ["quiet"] * 3
    assert "| 0.0438 [0.0358, 0.0518] | 0.0350 | 2013-08-20 |" in report.markdown(findings.retrain())
    assert "calibration bias 0.0438 [0.0358, 0.0518], limit 0.0350" in report.terminal(findings.retrain())


def once(finding: Finding) -> Finding:
    """The finding in which the newest run alone is beyond a limit of its inputs."""
    signals = [
        one.model_copy(update={"confirmed": one.alarm and one.kind != "inputs"}) for one in finding.signals
    ]
    return finding.model_copy(update={"signals": signals})


def test_what_one_run_alone_is_beyond_is_marked_as_not_confirmed_behind_the_alarms():
    finding = once(findings.retrain())
    screen, text, html = report.terminal(finding), report.markdown(finding), page(finding)
    assert screen.index(", not confirmed") > screen.index("calibration bias")
    rows = [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("| ")][1:]
    assert rows == ["**alarm**"] * 3 + ["not confirmed"] * 2 + ["quiet"] * 3
    assert html.count("<td>not confirmed</td>") == 2
    assert "3 confirmed by earlier runs" in html


def test_a_line_of_the_terminal_that_is_too_long_wraps_and_loses_no_word():
    title, many_words = "change of a thing with a name", "a_name_that_is_neither_short_nor_very_long"
    found, broken = findings.retrain(), findings.broken_feed()
    signals = [one.model_copy(update={"title": title * 3}) for one in found.signals[:1]]
    rules = [one.model_copy(update={"rule": f"{many_words} and {many_words}"}) for one in broken.breaches]
    words = " ".join(report.terminal(found.model_copy(update={"signals": signals})).split())
    assert f"{title * 3} 0.3200, limit 0.2000, since 2013-08-20" in words
    words = " ".join(report.terminal(broken.model_copy(update={"breaches": rules})).split())
    assert f"temperature_f: {many_words} and {many_words} broken by 311 rows" in words


def test_a_quiet_look_says_that_it_saw_nothing_of_so_many():
    assert "none of 8 signals" in report.terminal(findings.quiet())
    assert "alarm**" not in report.markdown(findings.quiet())


def test_a_retrain_says_since_when_why_and_what_it_would_gain():
    for text in (report.terminal(findings.retrain()), report.markdown(findings.retrain())):
        assert "2013-08-20" in text
        assert "+0.0180" in text
        assert "mean_delay_3h" in text
        assert "637 unlabelled" in text


def test_a_gain_that_may_be_none_is_marked_as_not_shown():
    assert "that it would help is not shown" in shown("alert")
    assert "that it would help is not shown" not in shown("retrain")


def test_the_runbook_is_a_link_only_where_the_address_of_the_files_is_known():
    finding = findings.warning()
    assert "`docs/runbooks/warning.md`" in report.markdown(finding)
    there = "https://example.test/blob/main"
    assert f"[docs/runbooks/warning.md]({there}/docs/runbooks/warning.md)" in report.markdown(finding, there)
    hostile = finding.model_copy(update={"runbook": "x](http://evil.example) y"})
    assert "](" not in report.markdown(hostile, there).replace("`x](http://evil.example) y`", "")


def test_what_is_too_long_is_cut_after_a_section_and_marked_as_cut():
    text = report.markdown(many(findings.retrain()))
    assert "Cut here" in text
    assert "Cut here" not in report.markdown(findings.retrain())


def test_of_many_features_those_that_alarm_are_drawn_and_the_table_has_all():
    html = page(many(findings.retrain()))
    drawn = html[html.index('data-figure="heat"') : html.index('data-table="features"')]
    assert all(f"{place}_a_rather" in drawn for place in (39, 79, 119, 159, 199))
    assert "30 of 200 features are shown" in html
    assert "30 of 80 are shown" in html
    assert "And 50 more" in html
    assert html[html.index('data-table="features"') :].count("<tr><td>") == 200


def test_days_without_labels_are_marked_and_so_is_a_training_that_began_before_the_axis():
    html = shown("retrain")
    drawn = html[html.index('data-figure="timeline"') : html.index('data-table="events"')]
    assert all(name in drawn for name in ("labels not known yet", "limits come from", "trained on"))
    known = findings.retrain().model_copy(update={"matured": findings.retrain().inputs})
    assert "labels not known yet" not in page(known)


def test_an_event_is_a_row_of_the_figure_and_of_the_table():
    finding = findings.retrain().model_copy(update={"events": [Event(day="2013-07-01", what="$1 & more")]})
    assert page(finding).count(">$1 &amp; more<") == 2


@pytest.mark.parametrize(
    ("median", "most", "said"),
    [
        (4.6, 21.5, "half come within 4.6 h, 99 % within 21.5 h"),
        (30.0, 8760.0, "half come within 30.0 h, 99 % within 365 days"),
        (0.0, 0.0, "99 % come within minutes"),
    ],
)
def test_how_late_labels_come_is_said_in_a_unit_that_fits(median, most, said):
    late = {"delay_hours_median": median, "delay_hours_99": most}
    assert said in phrases.labels(findings.outcomes().model_copy(update=late))


@pytest.mark.parametrize(("p", "told"), [(None, ", no limit"), (0.0123, ", p 0.0123 against past windows")])
def test_an_alarm_that_has_no_limit_says_so_or_how_rare_it_was(p, told):
    finding = findings.ALL["retrain"]()
    update = {"limit": None, "p": p, "alarm": True}
    signals = [one.model_copy(update=update) for one in finding.signals]
    said = report.terminal(finding.model_copy(update={"signals": signals}))
    assert told in said


@pytest.mark.parametrize("first", [[], ["a short one"]])
def test_a_note_is_shown_whole_or_not_at_all(first):
    finding = findings.ALL["no data"]()
    for many in range(9):
        long = [f"{place} {'word ' * 25}end" for place in range(many)]
        said = report.terminal(finding.model_copy(update={"notes": [*first, *long]}))
        assert said.count("word") == 25 * said.count(" end\n")
        assert len(said.splitlines()) <= report.HIGH
    assert "limit -" not in said
