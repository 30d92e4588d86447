"""Exit codes: the one table, of which `loop --help` and whoever decides by them are made."""

GENERAL = {"done": 0, "refused (bad data, bad params, a full disk)": 1, "wrong usage": 2, "interrupted": 130}
REVIEW = {"better": 0, "equivalent": 0, "no model change": 0, "worse": 1, "inconclusive": 2}
MONITOR = {
    "nothing": 0,
    "warning": 0,
    "retrain": 0,
    "broken feed": 3,
    "suspected feed fault": 3,
    "alert": 4,
    "loss": 4,
    "no data": 5,
}
FORGET = {"forgotten": 0, "dry run": 0, "something is left": 3, "not there": 4}
UPDATE = {"done": 0, "no later version": 0, "conflicts": 6}


def text(table: dict[str, int]) -> str:
    """A table in words: each code once, with all that it means."""
    meanings = {code: [name for name, its in table.items() if its == code] for code in table.values()}
    return ", ".join(f"{code} {_either(names)}" for code, names in meanings.items())


def _either(names: list[str]) -> str:
    return " or ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


_OF = {"review": REVIEW, "monitor": MONITOR, "update": UPDATE, "forget": FORGET}
HELP = f"Exit codes: {text(GENERAL)}." + "".join(
    f" For {name}: {text(table)}." for name, table in _OF.items()
)
