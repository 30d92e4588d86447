"""Passwords that stand in addresses: taken out of whatever is printed, logged or kept."""

import logging
import re
from typing import Any

_WORD = re.compile(r"[^\s'\"<>]++")
_LOGIN = re.compile(  # also of a password that holds a slash, which no address may, and is not a port
    r"([A-Za-z][A-Za-z0-9+.-]{0,30}://)(?:[^/]*|[^/:@]*:(?!\d+/).*)@"
)
_QUERY = re.compile(  # `sslpassword`, `X-Amz-Security-Token` and `client_secret` are secrets too
    r"([?&;](?:sig|[\w.-]{0,40}(?:token|secret|passw(?:or)?d|pwd|passphrase|signature|credential|(?:api|access)[_-]?key)"
    r"(?:id)?)=)[^&;\s'\"<>]+",
    re.IGNORECASE,
)


def hidden(text: str) -> str:
    """The text, with `…` for who logs in, and how, in each address. Takes steps by its length alone."""
    return _QUERY.sub(r"\1…", _WORD.sub(_without_login, text))


def _without_login(word: re.Match[str]) -> str:
    """A word without it: what follows its last `@` is not searched, which for each `://` would be again."""
    before, at, after = word[0].rpartition("@")
    return _LOGIN.sub(r"\1…@", before + at) + after


def hide_in_logs() -> None:
    """From now on no line of a log shows one."""
    logging.setLogRecordFactory(_Record)


class _Record(logging.LogRecord):
    def getMessage(self) -> str:  # noqa: N802 - of logging
        return hidden(super().getMessage())

    def __init__(self, *values: Any, **more: Any) -> None:
        super().__init__(*values, **more)
        if self.exc_info and not self.exc_text:
            self.exc_text = hidden(logging.Formatter().formatException(self.exc_info))
