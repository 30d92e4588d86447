"""What a commit says beside its subject is written and read by the same rules, whatever git is set to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loop.repo import remote
from loop.repo.git import git

WORD = st.text("aé:#=[]-1", min_size=1, max_size=6)
LINE = st.lists(WORD, min_size=1, max_size=3).map(" ".join)
NAMES = st.sampled_from(["Reason", "By", "Pull_request", "Run"])


@given(st.lists(LINE).map("\n".join), st.dictionaries(NAMES, LINE, min_size=1))
def test_what_a_message_is_made_of_is_read_back(body, named):
    _, _, text = remote.message("subject", body, **named).partition("\n\n")
    assert remote.trailers(text) == (body, {name.replace("_", "-"): value for name, value in named.items()})


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("", ("", {})),
        ("a body: of one line,\nand another", ("a body: of one line,\nand another", {})),
        ("Why\n\nReason: it\n  hurts\nBy: t\n", ("Why", {"Reason": "it hurts", "By": "t"})),
        ("Reason: x\n\nnot the end", ("Reason: x\n\nnot the end", {})),
    ],
)
def test_trailers_are_the_last_paragraph_or_none(text, read):
    assert remote.trailers(text) == read


@pytest.mark.parametrize(
    "url", ["https://github.com/a/b.git", "git@github.com:a/b.git", "https://x@github.com/a/b"]
)
def test_the_address_of_a_repository_is_that_of_its_pages(tmp_path, monkeypatch, url):
    git("init", "--quiet", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert remote.address() is None
    git("remote", "add", "origin", url)
    assert remote.address() == "https://github.com/a/b"
    git("remote", "set-url", "origin", f"{url}](javascript:alert)")
    assert remote.address() is None


@given(st.text(), st.text())
def test_no_value_ends_its_trailer_or_begins_another(one, other):
    _, _, text = remote.message("subject", "", Model=f"x{one}", Until=f"y{other}").partition("\n\n")
    assert remote.trailers(text)[1].keys() == {"Model", "Until"}
