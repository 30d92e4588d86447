"""A known vulnerability is told apart from a PyPI that does not answer, and from one accepted for a time."""

import http.server
import json
import threading
from datetime import date

import pytest
import requests
from pip_audit._service import PyPIService

from loop.base.errors import LoopError
from loop.repo import vulnerabilities
from loop.repo.vulnerabilities import Accepted, SilentError, accepted, ask, asked, decide

TODAY = date(2026, 12, 1)
A, B, C, D = ("a", "1.0"), ("b", "2.0"), ("c", "3.0"), ("d", "4.0")
CLEAN = {"vulnerabilities": []}
HOLE = {"id": "PYSEC-1", "aliases": ["CVE-1"], "fixed_in": ["1.2"], "summary": "a hole", "withdrawn": None}


class _ToLoopback(requests.adapters.HTTPAdapter):
    def __init__(self, port):
        super().__init__()
        self.port = port

    def send(self, request, **given):
        request.url = request.url.replace("https://pypi.org", f"http://127.0.0.1:{self.port}")
        return super().send(request, **given)


@pytest.fixture
def pypi(tmp_path, monkeypatch):
    """PyPI on loopback: answers by name, each once, the last one always; and what it was asked."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    answers, calls = {}, []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            name = self.path.split("/")[2]
            calls.append(name)
            told = answers[name].pop(0) if len(answers[name]) > 1 else answers[name][0]
            status, body = (told, b"") if isinstance(told, int) else (200, told)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body if isinstance(body, bytes) else json.dumps(body).encode())

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        service = PyPIService(tmp_path, 5)
        service.session.mount("https://pypi.org", _ToLoopback(server.server_port))
        slept = []

        def run(packages, **told):
            answers.update(told)
            return ask(packages, vulnerabilities.of_pypi(service), sleep=slept.append)

        run.calls, run.slept = calls, slept
        yield run
        server.shutdown()


def test_a_vulnerability_is_named_with_its_package_and_the_version_that_fixes_it(pypi):
    answers = pypi([A, B], a=[{"vulnerabilities": [HOLE]}], b=[CLEAN])
    with pytest.raises(LoopError, match=r"a 1.0: PYSEC-1 \(CVE-1\), fixed in 1.2\n") as error:
        decide(answers, [], today=TODAY)
    assert error.value.code == 1
    assert "--upgrade-package a`" in error.value.todo
    assert not pypi.slept


def test_one_that_was_withdrawn_is_none(pypi):
    gone = {**HOLE, "withdrawn": "2026-01-01T00:00:00Z"}
    assert decide(pypi([A], a=[{"vulnerabilities": [gone]}]), [], today=TODAY) == []


@pytest.mark.parametrize("trouble", [503, 429, b"<html>log in here</html>", b"", {"vulnerabilities": [{}]}])
def test_who_gives_no_answer_is_asked_again_alone(pypi, trouble):
    assert decide(pypi([A, B], a=[trouble, CLEAN], b=[CLEAN]), [], today=TODAY) == []
    assert pypi.calls == ["a", "b", "a"]


def test_silence_has_its_own_exit_code_and_ends_soon(pypi):
    answers = pypi([A, B, C, D], a=[503], b=[503], c=[503], d=[CLEAN])
    with pytest.raises(SilentError, match=r"4 packages of 4 have known vulnerabilities, as a 1.0: ") as error:
        decide(answers, [], today=TODAY)
    assert error.value.code == 3
    assert len(pypi.calls) == 9, "three in a row end a round: a service that is down costs no hour"
    assert pypi.slept == list(vulnerabilities.WAITS)


def test_silence_about_one_hides_no_finding_about_another(pypi):
    answers = pypi([A, B], a=[503], b=[{"vulnerabilities": [{**HOLE, "fixed_in": []}]}])
    with pytest.raises(LoopError, match=r"b 2.0: PYSEC-1 .*no version fixes it yet") as error:
        decide(answers, [], today=TODAY)
    assert error.value.code == 1


def test_no_service_is_silence_too(monkeypatch):
    def query(*_):
        raise requests.ConnectionError("nobody listens") from None

    with pytest.raises(SilentError, match="nobody listens"):
        decide(ask([A], query, sleep=lambda _: None), [], today=TODAY)


def test_a_server_that_never_ends_an_answer_is_left(monkeypatch):
    monkeypatch.setattr(vulnerabilities, "_ALL", 0.05)
    answers = ask([A, B], lambda *_: threading.Event().wait(60), sleep=lambda _: None)
    assert set(answers.silent) == {A, B}


def test_a_version_that_pypi_has_no_more_is_a_finding_and_a_mirror_without_advisories_is_silence(pypi):
    with pytest.raises(LoopError, match=r"a 1.0: PyPI has this version no more"):
        decide(pypi([A, B], a=[404], b=[CLEAN]), [], today=TODAY)
    with pytest.raises(SilentError, match="knows none of the packages"):
        decide(pypi([A, C], c=[404]), [], today=TODAY)


def test_what_is_accepted_counts_again_from_its_day(pypi):
    answers = pypi([A], a=[{"vulnerabilities": [HOLE]}])
    entry = Accepted("cve-1", date(2026, 12, 2), "never called")
    assert decide(answers, [entry], today=TODAY) == [
        "a 1.0: PYSEC-1 (CVE-1), fixed in 1.2: accepted until 2026-12-02, never called"
    ]
    with pytest.raises(LoopError, match="accepted until 2026-12-02, which is over"):
        decide(answers, [entry], today=entry.until)


def test_an_acceptance_of_nothing_is_named(pypi):
    (note,) = decide(pypi([A], a=[CLEAN]), [Accepted("CVE-9", TODAY, "x")], today=TODAY)
    assert note.startswith("CVE-9 ")


@pytest.mark.parametrize(
    "entry",
    ['"soon"', '{ why = "x" }', "{ until = 2027-01-01 }", '{ until = "2027-01-01", why = "x" }', "true",
     '{ until = 2027-01-01, why = " " }', '{ until = 2027-01-01T00:00:00Z, why = "x" }',
     '{ until = 2027-01-01, why = "x", who = "me" }'],
)  # fmt: skip
def test_an_acceptance_has_a_reason_and_an_end(entry):
    with pytest.raises(LoopError, match=r"CVE-9 = .*accepted-vulnerabilities"):
        accepted(f"[tool.loop.accepted-vulnerabilities]\nCVE-9 = {entry}\n")


def test_an_acceptance_is_read():
    text = '[tool.loop.accepted-vulnerabilities]\nCVE-9 = { until = 2027-01-01, why = "x" }\n'
    assert accepted(text) == [Accepted("CVE-9", date(2027, 1, 1), "x")]
    assert accepted("") == []


def test_pypi_is_asked_only_about_its_own_packages():
    index = '[[package]]\nname = "{}"\nversion = "1"\nsource = {{ {} }}\n'.format
    lock = index("a", 'registry = "https://pypi.org/simple"') + index("b", 'registry = "https://own/simple"')
    lock += index("c", 'git = "https://github.com/c/c"') + index("loop", 'editable = "."')
    assert asked(lock) == ([("a", "1")], ["b", "c"])
