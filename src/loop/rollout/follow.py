"""What comes after every move on `production`: this host if it serves, then MLflow. Neither undoes a move."""

from loop import issue
from loop.errors import LoopError
from loop.production import Production
from loop.release import deploy, registry


def follow(after: Production) -> None:
    """Let what runs here and MLflow's names be as production says; what fails is told, and how to mend it."""
    if deploy.serves():
        try:
            deploy.main(None, None, None, down=False)
        except LoopError as error:
            issue.warn(f"this host does not follow yet: {error.found}; `loop deploy` mends it")
    registry.follow(after)
