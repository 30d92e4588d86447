"""A limit for a test whose subject might never answer: without it, a broken guard hangs instead of red."""

from collections.abc import Callable
from multiprocessing import get_context
from typing import Any

SECONDS = 60  # far more than any of them needs


def bounded(ask: Callable[[], Any]) -> Any:
    """What `ask` says in a process of its own, which is ended when it does not answer."""
    fork = get_context("fork")
    here, there = fork.Pipe(duplex=False)
    child = fork.Process(target=lambda: there.send(ask()), daemon=True)
    child.start()
    there.close()
    try:
        assert here.poll(SECONDS), f"no answer within {SECONDS} s"
        return here.recv()
    except EOFError:
        raise AssertionError("it ended without an answer; its traceback stands above") from None
    finally:
        child.kill()
        child.join()
