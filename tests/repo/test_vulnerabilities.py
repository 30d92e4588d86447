"""A known vulnerability is told apart from a PyPI that does not answer, and from one accepted for a time."""

import http.server
import json
import threading
from datetime import date

import pytest

from loop.base import program
from loop.base.errors import LoopError
from loop.repo import vulnerabilities
from loop.repo.vulnerabilities import Accepted, SilentError, accepted, ask, asked, decide

TODAY = date(2026, 12, 1)
A, B, C = ("a", "1.0"), ("b", "2.0"), ("b", "3.0")
CLEAN = {"vulnerabilities": []}
HOLE = {"id": "GHSA-1", "aliases": ["CVE-1"], "fixed_in": ["1.2"], "summary": "a hole", "withdrawn": None}
TO_LOOPBACK = """
import requests
send = requests.adapters.HTTPAdapter.send
def to_loopback(self, request, *more, **given):
    request.url = request.url.replace("https://pypi.org", "http://127.0.0.1:PORT")
    return send(self, request, *more, **given)
requests.adapters.HTTPAdapter.send = to_loopback
"""


def told(name="a", version="1.0", **hole):
    """What pip-audit says of a package with one vulnerability."""
    found = {"id": "PYSEC-1", "aliases": ["CVE-1"], "fix_versions": ["1.2"], **hole}
    return {"name": name, "version": version, "vulns": [found]}


@pytest.fixture
def pypi(tmp_path, monkeypatch):
    """PyPI on loopback for pip-audit itself: answers by package, one after the other, the last one always."""
    answers = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            some = answers["-".join(self.path.split("/")[2:4])]
            told = some.pop(0) if len(some) > 1 else some[0]
            status, body = (told, b"") if isinstance(told, int) else (200, told)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body if isinstance(body, bytes) else json.dumps(body).encode())

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        (tmp_path / "sitecustomize.py").write_text(TO_LOOPBACK.replace("PORT", str(server.server_port)))
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        monkeypatch.chdir(tmp_path)
        yield lambda **some: answers.update(
            {name.replace("_", "-", 1).replace("_", "."): one for name, one in some.items()}
        )
        server.shutdown()


@pytest.mark.slow
def test_pip_audit_finds_what_pypi_says_of_each_version_of_a_package(pypi):
    withdrawn = {**HOLE, "withdrawn": "2026-01-01T00:00:00Z"}
    of_b = {**HOLE, "id": "PYSEC-2", "aliases": ["GHSA-2", "CVE-2"], "fixed_in": []}
    pypi(a_1_0=[{"vulnerabilities": [HOLE, withdrawn]}], b_2_0=[{"vulnerabilities": [of_b]}], b_3_0=[404])
    with pytest.raises(LoopError) as error:
        decide(ask([A, B, C]), [], today=TODAY)
    assert error.value.found.splitlines() == [
        "known vulnerabilities, by 3 advisories:",
        "  a 1.0: CVE-1 (GHSA-1), fixed in 1.2",
        "  b 2.0: PYSEC-2 (CVE-2, GHSA-2), no version fixes it yet",
        "  b: PyPI has this version no more, as after an attack",
    ]
    assert error.value.code == 1
    assert "`uv lock --upgrade-package a --upgrade-package b`" in error.value.todo
    assert "NAME = { until" in error.value.todo


@pytest.mark.slow
def test_who_gives_no_answer_is_asked_again(pypi):
    pypi(a_1_0=[b"<html>log in here</html>", CLEAN], b_2_0=[CLEAN])
    slept = []
    assert decide(ask([A, B], slept.append), [], today=TODAY) == []
    assert slept == list(vulnerabilities.WAITS[:2])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("trouble", "why"),
    [(503, "503 Server Error"), (404, "knows none of them")],
)
def test_silence_has_its_own_exit_code_and_its_reason(pypi, monkeypatch, trouble, why):
    monkeypatch.setattr(vulnerabilities, "WAITS", (0,))
    pypi(a_1_0=[trouble])
    with pytest.raises(SilentError, match=f"which of 1 packages have .*{why}") as error:
        ask([A])
    assert error.value.code == 3


def test_a_server_that_never_ends_an_answer_is_left(monkeypatch):
    monkeypatch.setattr(vulnerabilities, "_LONGEST", 0.05)
    with pytest.raises(SilentError, match="did not end within"):
        ask([A], lambda _: None)


def test_packages_of_an_index_of_ones_own_are_asked_of_nobody(monkeypatch):
    monkeypatch.setattr(program, "ask", None)
    assert ask([]) == []


def test_what_is_accepted_counts_again_from_its_day():
    entry = Accepted("cve-1", date(2026, 12, 2), "never called")
    assert decide([told()], [entry], today=TODAY) == [
        "a 1.0: PYSEC-1 (CVE-1), fixed in 1.2: accepted until 2026-12-02, never called"
    ]
    with pytest.raises(LoopError, match="accepted until 2026-12-02, which is over"):
        decide([told()], [entry], today=entry.until)


def test_an_acceptance_of_nothing_is_named():
    clean = {"name": "a", "version": "1.0", "vulns": []}
    (note,) = decide([clean], [Accepted("CVE-9", TODAY, "x")], today=TODAY)
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
