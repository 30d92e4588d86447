"""What follows every transition on `production`: this host if it serves, then MLflow. Neither undoes it."""

from loop.base.errors import LoopError
from loop.base.warning import warn
from loop.deploy import deploy
from loop.history import registry
from loop.production.state import BRANCH, Production


def follow(after: Production) -> None:
    """Let what runs here and MLflow's names be as production says; what fails is a warning.

    Of another environment's branch MLflow knows nothing. A host follows the environment that it serves.
    """
    if deploy.serves():
        try:
            deploy.main()
        except LoopError as error:
            warn(f"this host does not follow yet: {error.found}; `loop deploy` fixes it")
    if after.branch == BRANCH:
        registry.follow(after)
