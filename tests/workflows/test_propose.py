"""The pull request of a retrain, and the issues of a monitoring run, in GitHub's good and bad moments."""

import os
import re
from contextlib import suppress

import pytest
import yaml

from conftest import ROOT, Repo, copy_sources
from loop.base import exit_codes
from loop.base.errors import LoopError
from loop.monitor import notify
from loop.monitor.inputs import past_retrains
from loop.monitor.schema import Finding
from loop.publish import publish
from loop.retrain import challenger, retrain
from model.test_run_file import SVG, content
from support import literal
from support.light import REPORT, Light
from workflows.act import CML
from workflows.double import ALL, BOT, NAME, Double, git, serve

WORKFLOW = yaml.safe_load((ROOT / ".github/workflows/monitor.yml").read_text())
HOSTILE = 'x | <img src=x> @team [a](https://evil.example) `touch pwned` "\n::warning::no'


@pytest.fixture(scope="module")
def sources(tmp_path_factory) -> Repo:
    """The sources as one commit; its results are those that git has."""
    return copy_sources(tmp_path_factory.mktemp("sources") / "repo")


class Site:
    """A job of monitor.yml in a checkout of main, on a GitHub of our own."""

    def __init__(self, double: Double, place) -> None:
        self.double, self.place, self.light = double, place, Light(place)
        self.token = ""

    def retrain(self, now: str = literal.NOW, **changed: object) -> int:
        """What the step does with a finding of an instant."""
        literal.write(self.place, now=now, **changed)
        return retrain.main(None, proposed=True)

    def open(self) -> list[dict]:
        """The open pull requests."""
        return [one for one in self.double.pulls if one["state"] == "open"]

    def branches(self) -> list[str]:
        """The branches of retrains on GitHub."""
        reported = git(self.double.repo(), "for-each-ref", "--format=%(refname:short)", "refs/heads/retrain/")
        return reported.split()

    def gates(self, pull: dict) -> list[tuple[str, str]]:
        """The gate of the head of a pull request."""
        return self.double.gates(self.double.tip(pull["branch"]))


@pytest.fixture
def site(sources, tmp_path, monkeypatch):
    """The job `retrain`, with the rights that the workflow gives it and no others."""
    for name in [name for name in os.environ if name.startswith(("GITHUB_", "CML_"))]:
        monkeypatch.delenv(name)
    (tmp_path / "github").mkdir()
    with serve(tmp_path / "github") as double:
        double.settings.workflow["can_approve_pull_request_reviews"] = True
        git(sources.path, "push", "--quiet", str(double.repo()), "main")
        place = tmp_path / "job"
        git(tmp_path, "clone", "--quiet", str(double.repo()), str(place))
        git(place, "remote", "set-url", "origin", f"{double.url}/{NAME}.git")
        made = Site(double, place)
        made.token = f"ghs_{double.next()}"
        double.tokens[made.token] = dict(WORKFLOW["jobs"]["retrain"]["permissions"])
        cert = str(double.folder / "cert.pem")
        for name, value in {
            "GITHUB_ACTIONS": "true",
            "GITHUB_API_URL": f"{double.url}/api/v3",
            "GITHUB_REPOSITORY": NAME,
            "GITHUB_RUN_ATTEMPT": "1",
            "GITHUB_RUN_ID": "77",
            "GITHUB_SERVER_URL": double.url,
            "GITHUB_SHA": double.tip("main"),
            "GITHUB_TOKEN": made.token,
            "GIT_SSL_CAINFO": cert,
            "REQUESTS_CA_BUNDLE": cert,
            "SSL_CERT_FILE": cert,
            "PATH": f"{CML}{os.pathsep}{os.environ['PATH']}",
        }.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr("urllib3.util.Retry.sleep", lambda *_: None)
        monkeypatch.setattr(challenger, "make", made.light.make)
        monkeypatch.chdir(place)
        yield made


def test_a_retrain_is_a_labelled_pull_request_of_one_commit_that_passed_its_gate(site, capfd):
    assert site.retrain() == 0
    (pull,) = site.open()
    assert pull["branch"] == "retrain/2013-09-02-77-1"
    assert pull["title"] == "Retrain on rows until 2013-08-03"
    assert (pull["labels"], pull["base"]) == (["retrain"], "main")
    repo = site.double.repo()
    assert git(repo, "rev-list", "--count", f"main..{pull['branch']}") == "1"
    reported = git(repo, "log", "-1", "--format=%B", pull["branch"])
    assert reported.endswith("Retrain: 2013-09-02T00:00Z")
    assert "skip ci" not in reported
    assert site.gates(pull) == [("success", "better: as it is")]
    assert not site.double.issues
    assert site.token not in capfd.readouterr().out


@pytest.mark.parametrize("verdict", ["better", "worse"])
def test_its_run_is_kept_by_the_server_that_is_set_or_in_the_artifact(site, tracker, monkeypatch, verdict):
    monkeypatch.chdir(site.place)
    site.light.verdict = verdict
    for name, text in content(calibration=SVG).items():
        (challenger.REPORTS / name).parent.mkdir(parents=True, exist_ok=True)
        (challenger.REPORTS / name).write_bytes(text)
    server = os.environ["MLFLOW_TRACKING_URI"]
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")  # a variable that nobody set
    site.retrain(now="2013-08-26T00:00Z")
    assert tracker.get_experiment_by_name("loop") is None
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    site.retrain()
    (run,) = tracker.search_runs([tracker.get_experiment_by_name("loop").experiment_id])
    assert run.data.tags["verdict"] == verdict
    assert run.data.tags["review"].endswith("/runs/77")
    if verdict == "better":
        (pull,) = site.open()
        assert run.data.tags["pull_request"] == str(pull["number"])
        assert run.data.tags["review_of"] == site.double.tip(pull["branch"])
    else:
        assert "pull_request" not in run.data.tags


def test_its_gate_is_decided_though_its_runs_wait_for_a_click(site):
    site.retrain()
    (pull,) = site.open()
    (waiting,) = site.double.held(pull["number"])
    assert "It is judged already: *Approve workflows to run* in its banner is not needed" in pull["body"]
    site.double.tokens[site.token] = ALL  # publish.yml has another token
    assert publish.main(waiting) == 0
    assert [state for state, _ in site.gates(pull)] == ["success"]


def test_a_pull_request_of_a_persons_waits_for_nobody_though_a_workflow_opens_one_beside_it(site):
    git(site.double.repo(), "branch", "mine", "main")
    mine = site.double.open_pull("mine")
    site.retrain()
    assert not site.double.held(mine)


def test_the_pull_request_holds_why_and_the_review_and_the_comment_the_review(site):
    site.retrain()
    (pull,) = site.open()
    for text in (
        "Since **2013-08-05**. The newest rows are scored too high",
        "A retrain would have gained +0.0180 &#91;+0.0090, +0.0260&#93; of log loss",
        "- `temperature`: permutation importance 12%, PSI 5.0000, limit 2.5000, since 2013-07-29",
        f"[docs/runbook/retrain.md]({site.double.url}/{NAME}/blob/main/docs/runbook/retrain.md)",
        "git fetch origin retrain/2013-09-02-77-1\ngit switch --detach FETCH_HEAD\nmake review",
        REPORT.strip(),
        "/actions/runs/77",
    ):
        assert text in pull["body"]
    (output,) = site.double.comments_on(pull["number"])
    assert output.startswith(REPORT)
    assert "`gate` is **success**" in output


def test_the_comment_is_the_one_that_publish_edits_when_a_person_pushes_later(site):
    site.retrain()
    (pull,) = site.open()
    (output,) = site.double.comments[pull["number"]]
    assert output["user"]["login"] == BOT
    assert 'CML watermark review"' in output["body"]


@pytest.mark.parametrize("verdict", ["worse", "inconclusive", "no model change"])
def test_a_retrain_that_is_not_better_is_one_issue_and_no_pull_request(site, verdict):
    site.light.verdict = verdict
    for _ in range(2):
        assert site.retrain() == 0
    assert not site.double.pulls
    assert not site.branches()
    (issue,) = site.double.issues
    assert issue["title"] == "The retrain of 2013-09-02 is not better: no pull request was opened"
    assert issue["labels"] == ["retrain"]
    assert f"**{verdict}**: as it is" in issue["body"]
    assert REPORT.strip() in issue["body"]


def test_the_same_that_is_open_already_is_not_made_again(site, capfd):
    site.retrain()
    writes = len(site.double.writes)
    assert site.retrain() == 0
    assert (site.light.made, len(site.double.writes)) == (1, writes)
    assert "open already" in capfd.readouterr().out


def test_an_older_one_is_superseded_not_doubled(site, monkeypatch):
    site.retrain()
    monkeypatch.setenv("GITHUB_RUN_ID", "78")
    site.retrain("2013-10-07T00:00Z")
    old, new = site.double.pulls
    assert (old["state"], new["state"]) == ("closed", "open")
    assert new["branch"] == "retrain/2013-10-07-78-1"
    reported = site.double.comments_on(old["number"])[-1]
    assert reported.startswith(f"Superseded by {site.double.url}/{NAME}/pull/{new['number']}")
    assert [state for state, _ in site.gates(new)] == ["success"]


def test_the_run_of_an_earlier_day_leaves_the_newer_one_alone_and_makes_nothing(site, monkeypatch, capfd):
    site.retrain("2013-10-07T00:00Z")
    (newer,) = site.open()
    writes = len(site.double.writes)
    monkeypatch.setenv("GITHUB_RUN_ID", "78")
    assert site.retrain() == 0
    assert site.open() == [newer]
    assert (site.light.made, len(site.double.writes)) == (1, writes)
    reported = f"a newer one is open: {site.double.url}/{NAME}/pull/{newer['number']}"
    assert reported in capfd.readouterr().out


def test_a_newer_one_that_was_cut_short_is_in_no_ones_way(site, monkeypatch):
    monkeypatch.setattr("loop.github.commit_status.put", lambda *_: None)
    site.retrain("2013-10-07T00:00Z")
    monkeypatch.setenv("GITHUB_RUN_ID", "78")
    site.retrain()
    assert [one["branch"] for one in site.open()] == ["retrain/2013-10-07-77-1", "retrain/2013-09-02-78-1"]


def test_a_persons_own_older_one_is_left_open_and_named_in_the_new_one(site):
    repo = site.double.repo()
    git(repo, "branch", "retrain/2013-08-05", "main")
    number = site.double.open_pull("retrain/2013-08-05")
    site.retrain()
    own, new = site.open()
    assert (own["number"], site.double.comments_on(number)) == (number, [])
    assert f"Open as well, a person's own: {site.double.url}/{NAME}/pull/{number}" in new["body"]


@pytest.mark.parametrize(
    ("alarm", "heading"),
    [
        (True, "Production drifted, and a model"),
        (False, "No signal by itself is confirmed beyond its limit, but a retrain gains, and a model"),
    ],
)
def test_the_pull_request_says_drifted_where_a_signal_alarms_alone(site, alarm, heading):
    site.retrain(signals=[{**literal.BASE["signals"][0], "alarm": alarm, "confirmed": alarm}])
    (pull,) = site.open()
    assert pull["body"].startswith(heading)


def test_one_that_was_merged_or_closed_is_left_alone(site, monkeypatch):
    site.retrain()
    (old,) = site.double.pulls
    old["state"] = "closed"
    monkeypatch.setenv("GITHUB_RUN_ID", "78")
    site.retrain("2013-10-07T00:00Z")
    assert len(site.double.comments_on(old["number"])) == 1
    assert len(site.open()) == 1


def test_where_actions_may_open_none_one_issue_names_the_setting_and_no_branch_is_left(site, capfd):
    site.double.settings.workflow["can_approve_pull_request_reviews"] = False
    for _ in range(2):
        assert site.retrain() == 0
    assert not site.double.pulls
    assert not site.branches()
    (issue,) = site.double.issues
    assert issue["labels"] == ["retrain"]
    assert "loop setup github --apply" in issue["body"]
    assert "gh workflow run monitor.yml" in issue["body"]
    assert "::warning::Actions may not open pull requests" in capfd.readouterr().out


def test_once_actions_may_the_next_run_proposes_it(site):
    site.double.settings.workflow["can_approve_pull_request_reviews"] = False
    site.retrain()
    site.double.settings.workflow["can_approve_pull_request_reviews"] = True
    site.retrain()
    assert len(site.open()) == 1


def test_a_run_that_was_cut_short_after_its_push_leaves_nothing_in_the_way(site):
    git(site.double.repo(), "branch", "retrain/2013-09-02-70-1", "main")
    git(site.double.repo(), "branch", "retrain/2013-09-02", "main")  # a person's own
    site.retrain()
    assert site.branches() == ["retrain/2013-09-02", "retrain/2013-09-02-77-1"]
    assert len(site.open()) == 1


def test_a_run_that_was_cut_short_before_its_gate_is_superseded_by_the_next(site, monkeypatch):
    def cancelled(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("loop.github.commit_status.put", cancelled)
        with pytest.raises(KeyboardInterrupt):
            site.retrain()
    assert len(site.open()) == 1
    assert not past_retrains.attempts(retrain.params.instant(literal.NOW)), "it counts for nothing"
    monkeypatch.setenv("GITHUB_RUN_ATTEMPT", "2")
    site.retrain()
    (pull,) = site.open()
    assert pull["branch"] == "retrain/2013-09-02-77-2"
    assert [state for state, _ in site.gates(pull)] == ["success"]


def test_a_comment_that_github_refuses_leaves_the_gate_unset_and_the_run_red(site):
    site.double.faults += [("POST", r"/issues/\d+/comments$", 500)] * 9
    with pytest.raises(LoopError, match="500"):
        site.retrain()
    (pull,) = site.open()
    assert site.gates(pull) == []


def test_an_answer_that_is_lost_makes_no_second_pull_request(site):
    site.double.lost.append("/pulls$")
    site.retrain()
    (pull,) = site.double.pulls
    assert [state for state, _ in site.gates(pull)] == ["success"]


def test_without_cml_it_is_opened_by_rest(site, monkeypatch):
    monkeypatch.setenv("PATH", "/usr/local/bin:/usr/bin:/bin")
    site.retrain()
    (pull,) = site.open()
    assert [state for state, _ in site.gates(pull)] == ["success"]


@pytest.mark.parametrize(
    "decision", ["nothing", "warning", "alert", "broken feed", "suspected feed fault", "no data"]
)
def test_without_the_decision_to_retrain_there_is_nothing_to_do(site, decision, capfd):
    assert site.retrain(decision=decision) == 0
    assert not site.double.writes
    assert f"nothing to do: {decision}" in capfd.readouterr().out


@pytest.mark.parametrize("verdict", ["better", "worse"])
def test_words_of_strangers_are_words_in_what_is_posted(site, verdict):
    site.light.verdict = verdict
    feature = {**literal.BASE["features"][0], "name": HOSTILE, "since": HOSTILE}
    changed = {"reason": HOSTILE, "since": HOSTILE, "primary": HOSTILE, "features": [feature]}
    site.retrain(features_that_matter=[HOSTILE], **changed)
    (text,) = [one["body"] for one in (site.open() or site.double.issues)]
    acts = re.sub(r"`[^`\n]*`", "", text)  # in a code span nothing acts
    assert "<img" not in acts
    assert "@team" not in acts
    assert "](https://evil" not in acts
    assert "\n::warning" not in text


@pytest.mark.parametrize("verdict", ["better", "worse"])
def test_a_report_that_is_too_long_is_cut_and_says_so(site, verdict):
    site.light.verdict, site.light.report = verdict, "## Better\n" + "ä line of words\n" * 20_000
    literal.write(site.place)
    with suppress(LoopError):  # the comment is the review's, which keeps to its own limit
        site.retrain()
    (text,) = [one["body"] for one in (site.open() or site.double.issues)]
    assert len(text.encode()) < 65_536
    assert "Cut here, because it would be too long" in text


def finding_of(**changed: object) -> Finding:
    """A finding, as the job `monitor` tells it."""
    return Finding.model_validate(literal.finding(**changed))


BREACH = {
    "table": HOSTILE,
    "rule": "wind",
    "column": HOSTILE,
    "rows": 12,
    "examples": [HOSTILE],
    "todo": HOSTILE,
}
BROKEN = {"decision": "broken feed", "breaches": [BREACH], "runbook": "docs/runbook/broken-feed.md"}


@pytest.fixture
def monitored(site) -> Site:
    """The job `monitor`, with the rights that the workflow gives it."""
    site.double.tokens[site.token] = dict(WORKFLOW["jobs"]["monitor"]["permissions"])
    return site


@pytest.mark.parametrize("decision", ["broken feed", "alert", "no data"])
def test_what_no_retrain_fixes_is_one_issue_with_its_runbook(monitored, decision):
    runbook = f"docs/runbook/{decision.replace(' ', '-')}.md"
    assert (ROOT / runbook).is_file()
    for _ in range(2):
        notify.post(finding_of(decision=decision, runbook=runbook))
    (issue,) = monitored.double.issues
    assert (issue["title"], issue["labels"]) == (notify.TITLES[decision], ["drift"])
    assert f"({monitored.double.url}/{NAME}/blob/main/{runbook})" in issue["body"]
    assert "/actions/runs/77)" in issue["body"]
    assert not monitored.double.comments_on(issue["number"])


def test_another_reason_is_a_comment_in_the_open_issue_and_the_same_again_is_none(monitored):
    for reason in ("wind is broken", "wind is broken", "rain is broken", "rain is broken"):
        notify.post(finding_of(**BROKEN, reason=reason))
    (issue,) = monitored.double.issues
    (output,) = monitored.double.comments_on(issue["number"])
    assert "Rain is broken" in output


@pytest.mark.parametrize(
    ("decision", "reason"),
    [
        ("no data", "{} rows in the newest 28 days, fewer than 1,000 (monitor.rows_min)"),
        ("alert", "the loss_7 is {}, and 0.6931 is the most"),
    ],
)
def test_figures_of_another_day_are_no_news_and_digits_of_a_name_are(monitored, decision, reason):
    for figure in ("987", "1,012", "-0.25"):
        notify.post(finding_of(decision=decision, reason=reason.format(figure)))
    (issue,) = monitored.double.issues
    assert not monitored.double.comments_on(issue["number"])
    notify.post(finding_of(decision=decision, reason=f"{reason} of wind_2"))
    notify.post(finding_of(decision=decision, reason=f"{reason} of wind_3"))
    assert len(monitored.double.comments_on(issue["number"])) == 2


def test_another_broken_rule_is_news(monitored):
    notify.post(finding_of(**BROKEN, reason="the newest rows break 1 rule of their contract"))
    other = {**BROKEN, "breaches": [{**BREACH, "rule": "rain"}]}
    notify.post(finding_of(**other, reason="the newest rows break 1 rule of their contract"))
    (issue,) = monitored.double.issues
    assert len(monitored.double.comments_on(issue["number"])) == 1


def test_an_issue_that_an_older_version_opened_is_known_by_its_mark(monitored):
    notify.post(finding_of(**BROKEN))
    (issue,) = monitored.double.issues
    issue["body"] = issue["body"].replace("<!-- reported ", "<!-- told ")
    notify.post(finding_of(**BROKEN))
    assert not monitored.double.comments_on(issue["number"])


def test_after_a_person_closed_it_the_same_opens_another(monitored):
    notify.post(finding_of(**BROKEN))
    monitored.double.issues[0]["state"] = "closed"
    notify.post(finding_of(**BROKEN))
    assert len(monitored.double.issues) == 2


def test_a_strangers_issue_of_that_title_silences_nothing(monitored):
    title = notify.TITLES["alert"]
    stranger = {"number": 5, "title": title, "state": "open", "html_url": "u", "user": {"login": "eve"}}
    monitored.double.issues.append(stranger)
    notify.post(finding_of(decision="alert"))
    assert [one["user"]["login"] for one in monitored.double.issues] == ["eve", BOT]


def test_the_broken_rules_are_a_table_in_which_nothing_acts(monitored):
    notify.post(finding_of(**BROKEN, reason=HOSTILE))
    (issue,) = monitored.double.issues
    acts = re.sub(r"`[^`\n]*`", "", issue["body"])
    assert "| 12 |" in issue["body"]
    assert "<img" not in acts
    assert "@team" not in acts
    assert "](https://evil" not in acts


@pytest.mark.parametrize("decision", ["nothing", "warning", "retrain"])
def test_other_decisions_are_no_issue_and_the_next_job_knows_them(monitored, decision, tmp_path, monkeypatch):
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "outputs"))
    notify.post(finding_of(decision=decision))
    assert not monitored.double.writes
    assert (tmp_path / "outputs").read_text() == f"decision={decision}\n"


def test_an_issue_that_github_refuses_is_a_warning(monitored, capfd):
    monitored.double.tokens[monitored.token] = {"contents": "read"}
    notify.post(finding_of(**BROKEN))
    assert "::warning::The feed breaks its contract" in capfd.readouterr().out


def test_outside_of_a_workflow_the_issue_is_printed(monkeypatch, capfd):
    monkeypatch.delenv("GITHUB_TOKEN", raising=False)
    notify.post(finding_of(**BROKEN))
    assert capfd.readouterr().out.startswith("in a workflow an issue would say:\n\nThe feed breaks")


def test_every_decision_has_a_page_for_whoever_is_called_and_no_page_is_of_nothing():
    pages = {path.stem for path in (ROOT / "docs/runbook").glob("*.md")}
    alerts = set(re.findall(r"/runbook/([a-z-]+)\.md", (ROOT / "deploy/monitoring/rules.yaml").read_text()))
    assert pages == alerts | {decision.replace(" ", "-") for decision in exit_codes.MONITOR}
