"""Whether an organisation's list of actions lets the workflows run: `loop doctor` reads it as GitHub does."""

import pytest

from loop.setup import hosted

CHECKOUT, GO = "actions/checkout@0123abc", "actions/setup-go@4567def"


@pytest.fixture
def met(tmp_path, monkeypatch):
    """What doctor says of a list of patterns, and of whether GitHub's own are allowed; two are used."""
    folder = tmp_path / ".github/workflows"
    folder.mkdir(parents=True)
    (folder / "a.yml").write_text(f"- uses: {CHECKOUT} # v7\n- uses: ./.github/actions/setup\n")
    (folder / "b.yaml").write_bytes(
        f"  uses: '{GO}'  # \xfcber\n".encode("latin-1")
    )  # as some editor saved it
    monkeypatch.chdir(tmp_path)

    def of(patterns: list[str], owned: bool = False) -> bool:
        answers = [
            {"enabled": True, "allowed_actions": "selected"},
            {"github_owned_allowed": owned, "patterns_allowed": patterns},
        ]
        monkeypatch.setattr(hosted, "ask", lambda _: answers.pop(0))
        return hosted._may_run()

    return of


@pytest.mark.parametrize(
    "patterns",
    [
        ["actions/checkout@*", "actions/setup-go@*"],
        ["Actions/Checkout@*", "*/setup-go@*"],
        [CHECKOUT, GO],
        ["actions/*"],
        ["*"],
    ],
)
def test_a_list_that_names_each_action_that_is_used_lets_the_workflows_run(met, patterns):
    assert met(patterns)


@pytest.mark.parametrize(
    ("patterns", "owned"),
    [
        ([], False),
        (["actions/checkout@*"], False),
        (["actions/checkout@v7", "actions/setup-go@*"], False),
        (["other/*"], False),
        (["actions.checkout@*", "actions/setup-go@*"], False),
        (["actions/*", "!actions/setup-go@*"], False),
        (["!actions/checkout@*"], True),
    ],
)
def test_a_list_that_leaves_one_of_them_out_or_blocks_it_does_not(met, patterns, owned):
    assert not met(patterns, owned)
