"""`loop setup github`: what the repository needs, printed, or with --apply brought about."""

from loop.base.errors import LoopError
from loop.setup import gh, machine, repository
from loop.setup.need import State, examine


def main(apply: bool, reviewers: list[str]) -> int:
    """Print each need and its script, or run the scripts of those that are missing; 1 if one failed."""
    machine.at_root()
    needs = repository.needs(reviewers)
    if not apply:
        print("# What this repository needs on GitHub; `loop setup github --apply` does it.")
        for need in needs:
            print(f"\n# {need.name}; without: {need.why}\n{need.fix}")
        return 0
    here = gh.repository()
    repository.apart(here)
    print(f"{here['full_name']}:")
    failed = 0
    for need in needs:
        found = examine(need)
        if found.state is State.MET:
            print(f"  ok      {need.name}")
            continue
        if found.state is State.MISSING and found.reason:  # no script of ours can help
            failed += 1
            print(f"  FAILED  {need.name}: {found.reason}\n          to do:   {found.todo}")
            continue
        try:
            gh.do(need.fix)
        except gh.PlanError as error:
            print(f"  absent  {need.name}: {error.found}\n          instead {need.instead}")
        except LoopError as error:
            failed += 1
            print(f"  FAILED  {need.name}: {error.found}\n          without: {need.why}")
        else:
            print(f"  done    {need.name}")
    return 1 if failed else 0
