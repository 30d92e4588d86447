"""How a server is set: by params.yaml and the environment, and secrets stay secret."""

import pytest

from loop.base.errors import LoopError
from loop.serve.store import open_store
from loop.settings import serve_settings

SECRET = "0123456789abcdef-secret"  # noqa: S105


def test_a_log_that_could_not_hold_one_body_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    log = "{rows_max: 5, retention_days: 1}"
    serve = "{threshold: null, workers: 1, rows_max: 6, body_kb_max: 1, log: " + log + "}"
    (tmp_path / "params.yaml").write_text(f"serve: {serve}")
    with pytest.raises(LoopError, match=r"log\.rows_max 5 is below rows_max 6"):
        serve_settings.params()


@pytest.mark.parametrize("where", ["http:", "postgres://host", "redis://localhost:port/0"])
def test_a_store_that_is_none_is_refused(where):
    with pytest.raises(LoopError, match="LOOP_FEATURES"):
        open_store(where)


def test_without_an_environment_it_is_a_champion_with_files_in_data():
    place = serve_settings.place({})
    assert (place.features, str(place.predictions), place.role) == (
        "data/online",
        "data/predictions",
        "champion",
    )
    assert place.token is place.personal_key is place.commit is None


def test_what_is_set_to_nothing_is_not_set():
    names = ("FEATURES", "PREDICTIONS", "ROLE", "COMMIT", "PREFIX")
    assert serve_settings.place({f"LOOP_{name}": "" for name in names}) == serve_settings.place({})


def test_a_prefix_ends_without_a_slash():
    assert serve_settings.place({"LOOP_PREFIX": "/models/late/"}).prefix == "/models/late"
    assert serve_settings.place({"LOOP_PREFIX": "/"}).prefix == ""


def test_a_secret_comes_from_a_file_before_the_environment(tmp_path):
    (tmp_path / "token").write_text(SECRET + "\n")
    given = {"LOOP_TOKEN_FILE": str(tmp_path / "token"), "LOOP_TOKEN": "x" * 20}
    assert serve_settings.place(given).token == SECRET.encode()
    assert serve_settings.place({"LOOP_PERSONAL_KEY": SECRET}).personal_key == SECRET.encode()


def test_a_secret_is_not_shown():
    assert SECRET not in repr(serve_settings.place({"LOOP_TOKEN": SECRET, "LOOP_PERSONAL_KEY": SECRET}))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"LOOP_TOKEN": "short"}, "LOOP_TOKEN holds 5 characters"),
        ({"LOOP_TOKEN": ""}, "LOOP_TOKEN holds 0 characters"),
        ({"LOOP_TOKEN_FILE": "/nowhere"}, "LOOP_TOKEN_FILE names /nowhere"),
        ({"LOOP_ROLE": "boss"}, "LOOP_ROLE is 'boss'"),
        ({"LOOP_PREFIX": "models"}, "LOOP_PREFIX is 'models'"),
        ({"LOOP_PREFIX": "/a b"}, "LOOP_PREFIX is '/a b'"),
    ],
    ids=str,
)
def test_what_cannot_be_used_is_refused(given, message):
    with pytest.raises(LoopError, match=message) as refused:
        serve_settings.place(given)
    assert "short" not in str(refused.value)
