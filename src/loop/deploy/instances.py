"""Which servers a state needs: each model in each role that it has, with a name that outlives the role."""

from dataclasses import dataclass

from loop.base.errors import LoopError
from loop.deploy.nginx import roles
from loop.production.state import Challenger, Champion, State

PORT = 3000  # on which each listens, in a container of its own


@dataclass(frozen=True)
class Instance:
    """A server of one model in one role. Its name stays the same from shadow to champion."""

    name: str
    role: str  # champion, challenger or shadow, as LOOP_ROLE says
    model: Champion | Challenger

    @property
    def image(self) -> str:
        """Its image, by digest. Raises LoopError if none was pushed."""
        if self.model.image is None:
            raise LoopError(
                f"version {self.model.version} has no image",
                "an image by its digest, as `loop image --push` gives",
                "set `image` of deploy/policy.yaml to where images may be pushed, and release again; "
                "without a registry, `loop deploy` serves from git alone",
            )
        return self.model.image


def of(state: State) -> list[Instance]:
    """What must run, champion first; a challenger that neither answers nor mirrors does not run.

    One that does both runs twice, so that the log tells what was answered from what was only asked.
    """
    found = []
    for model in state.models:
        held = ["champion"] if isinstance(model, Champion) else roles(model.weight, model.stage.mirror)
        for at, role in enumerate(held):
            found.append(Instance(f"model-v{model.version}" + (f"-{role}" if at else ""), role, model))
    return sorted(found, key=lambda one: one.role)  # champion, challenger, shadow
