"""`loop doctor`: what is missing, on this machine and on GitHub, with the command that fixes each."""

import pandas as pd

from loop.base.errors import LoopError
from loop.production import heartbeats
from loop.setup import gh, hosted, machine, migrations, repository
from loop.setup.need import Found, Need, State, examine

APPLY = "loop setup github --apply"


def main(now: pd.Timestamp, *, rename: bool = False) -> int:
    """Print how each need stands; 1 if one is missing that is not optional. `rename` old names first."""
    machine.at_root()
    if rename:
        migrations.main()
    print("on this machine")
    found = [_report(need, need.fix) for need in machine.needs()]
    late = scheduled(now)
    try:
        there = gh.repository()
    except LoopError as error:
        print(f"on GitHub\n  unknown   {error.found}\n            to do:   {error.todo}")
        return _code(found) or late
    repository.apart(there)
    print(f"on GitHub, {there['full_name']}: {hosted.about(there)}")
    found += [_report(need, APPLY) for need in repository.needs([])]
    return _code(found + [_report(need, need.fix) for need in hosted.needs()]) or late


def scheduled(now: pd.Timestamp) -> int:
    """Print when each schedule ran last, as `heartbeats` is known here; 1 if one is late or failed."""
    print("on schedule")
    try:
        found = heartbeats.schedules(heartbeats.known(), now)
    except LoopError as error:
        print(f"  unknown   {error.found}\n            to do:   {error.todo}")
        return 0
    for one in found:
        state = one.state(now)
        print(f"  {state:<9} {one.name}: {one.standing(now).partition(': ')[2]}")
        if state != "on time":
            then = f"gh {'run list -w' if state == 'failed' else 'workflow enable'} {one.name}.yml"
            print(f"            to do:   docs/runbook/schedule-silent.md; `{then}`")
    return int(any(one.state(now) in ("late", "failed") for one in found))


def _report(need: Need, fix: str) -> Found:
    found = examine(need)
    print(f"  {found.state:<9} {need.name}")
    if found.reason:
        print(f"            {found.reason}")
    if found.state not in (State.MET, State.ABSENT):
        print(f"            without: {need.why}\n            to do:   {found.todo or fix}")
    return found


def _code(found: list[Found]) -> int:
    return 1 if any(one.state in (State.MISSING, State.UNKNOWN) for one in found) else 0
