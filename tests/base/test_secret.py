"""A password in an address is shown nowhere: not in a message, not in a log, not in a traceback."""

import logging
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loop.base.errors import LoopError, first_line
from loop.base.program import gist
from loop.base.secret import hidden, hide_in_logs
from loop.base.warning import warn

SECRETS = st.text(
    st.characters(codec="ascii", exclude_characters="/\\'\"<> \t\n\r\x0b\x0c\x1c\x1d\x1e\x1f"), min_size=8
)


@given(SECRETS)
def test_whoever_logs_in_is_hidden_in_any_address(secret):
    text = f"cannot reach postgresql+psycopg2://user:{secret}@db.example:5432/runs, says git"
    assert hidden(text) == "cannot reach postgresql+psycopg2://…@db.example:5432/runs, says git"


@pytest.mark.parametrize("secret", ["pa/ss", "//", "p/x:y@z"])
def test_a_password_that_should_have_been_escaped_is_hidden(secret):
    assert hidden(f"postgresql://user:{secret}@host/runs") == "postgresql://…@host/runs"


@pytest.mark.parametrize(
    "name",
    [
        *("token", "access_token", "private_token", "X-Amz-Security-Token", "sig", "X-Amz-Signature"),
        *("X-Goog-Signature", "X-Amz-Credential", "password", "sslpassword", "passwd", "pwd"),
        *("client_secret", "secret", "api_key", "apikey", "AWSAccessKeyId"),
    ],
)
def test_a_secret_of_a_query_is_hidden(name):
    assert hidden(f"https://host/a?x=1&{name}=s3cret&y=2") == f"https://host/a?x=1&{name}=…&y=2"


@pytest.mark.parametrize(
    "text", ["https://host/a?x=1&design=2&keys=3", "mail a@b.example", "http://host:5000/a@b", "a: b@c"]
)
def test_what_is_no_login_stays(text):
    assert hidden(text) == text


ONE_WORD = re.compile(
    r"([A-Za-z][A-Za-z0-9+.-]{0,30}://)(?:[^/\s'\"<>]*|[^/:@\s'\"<>]*:(?!\d+/)[^\s'\"<>]*)@"
)  # the rule, written as one expression that searches the rest again for each address


@given(st.lists(st.sampled_from(["a://", "u", ":", "@", "/", "1", "80/", " ", "'", "\n", "é"]), max_size=12))
def test_a_login_is_what_one_plain_expression_says(parts):
    text = "".join(parts)
    assert hidden(text) == ONE_WORD.sub(r"\1…@", text)


@pytest.mark.parametrize("part", ["a://", "a://b:c", "a://1:1/", "://", "a", "?secret", "@a://", "a:// "])
@pytest.mark.parametrize("end", ["", "@", " @"])
def test_a_text_without_end_takes_steps_by_its_length_alone(part, end):
    """By its square, these would be 10^10 steps: minutes."""
    assert hidden(part * 60_000 + end)


def test_a_mistake_holds_none_in_any_of_its_parts():
    address = "http://user:s3cret@host"
    error = LoopError(f"found {address}", f"expected {address}", f"try {address}")
    assert "s3cret" not in f"{error} {error.found} {error.expected} {error.todo}"


def test_one_that_is_cut_is_hidden_before(capsys):
    text = f"cannot reach http://user:{'s3cret' * 200}@host"
    warn(text)
    assert gist(text) == first_line(OSError(text)) == "cannot reach http://…@host"
    assert "s3cret" not in capsys.readouterr().out


def test_an_error_that_says_nothing_is_named_by_its_kind():
    assert first_line(TimeoutError()) == "TimeoutError"


def test_a_log_shows_none(capsys):
    before = logging.getLogRecordFactory()
    handler = logging.StreamHandler()
    log = logging.getLogger("test_secret")
    log.addHandler(handler)
    try:
        hide_in_logs()
        log.error("no answer of %s", "http://user:s3cret@host")
        try:
            raise RuntimeError("http://user:s3cret@host")
        except RuntimeError:
            log.exception("it failed")
    finally:
        logging.setLogRecordFactory(before)
        log.removeHandler(handler)
    shown = capsys.readouterr().err
    assert "no answer of http://…@host" in shown
    assert "RuntimeError: http://…@host" in shown
    assert "s3cret" not in shown
