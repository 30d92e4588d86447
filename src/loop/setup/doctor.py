"""`loop doctor`: what is missing, on this machine and on GitHub, with the command that mends each."""

from loop.base.errors import LoopError
from loop.setup import fix, gh, machine, repository
from loop.setup.need import Found, Need, State, look

APPLY = "loop setup github --apply"


def main(*, rename: bool = False) -> int:
    """Print how each need stands; 1 if one is missing that is not optional. `rename` old names first."""
    machine.at_root()
    if rename:
        fix.main()
    print("on this machine")
    found = [_say(need, need.mend) for need in machine.needs()]
    try:
        name = gh.repository()
    except LoopError as error:
        print(f"on GitHub\n  unknown   {error.found}\n            to do: {error.todo}")
        return _code(found)
    print(f"on GitHub, {name}")
    return _code(found + [_say(need, APPLY) for need in repository.needs([])])


def _say(need: Need, mend: str) -> Found:
    found = look(need)
    print(f"  {found.state:<9} {need.name}")
    if found.reason:
        print(f"            {found.reason}")
    if found.state is not State.MET:
        print(f"            without: {need.why}\n            to do:   {mend}")
    return found


def _code(found: list[Found]) -> int:
    return 1 if any(one.state in (State.MISSING, State.UNKNOWN) for one in found) else 0
