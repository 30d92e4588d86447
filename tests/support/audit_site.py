"""A repository of versions whose servers are light: the commands are the real ones, bentoml is a double."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

from loop.production import branch, transitions
from loop.production.state import Version
from support.states import NOW, at, version

SERVER = '''
"""Serves as it is told by files beside it: `fails` ends at the start, `hangs` is never ready, `falls` starts
workers that end, `leads` has a worker."""
import http.server, hashlib, json, os, pathlib, signal, subprocess, sys, threading, time

port = int(sys.argv[sys.argv.index("--port") + 1])
home = pathlib.Path.cwd()
if (home / "fails").exists():
    sys.exit("Traceback: this version cannot be loaded")
if (home / "hangs").exists():
    time.sleep(600)
while (home / "falls").exists():
    subprocess.run([sys.executable, "-S", "-c", "import time; time.sleep(0.3)"])
if (home / "leads").exists():
    subprocess.Popen(["sleep", "600"])
model = hashlib.sha256((home / "models/model.skops").read_bytes()).hexdigest()
said = {name: os.environ.get(name) for name in os.environ if name.startswith("LOOP_")}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/slow":
            time.sleep(1.5)
        answer = {"sha256": model, "model": (home / "models/model.skops").read_text(), "settings": said}
        text = json.dumps(answer).encode()
        log = pathlib.Path(os.environ["LOOP_PREDICTIONS"], f"{os.getpid()}.jsonl")
        if self.path == "/predict":
            with log.open("a") as stream:
                row = [self.headers["X-Request-Id"], said["LOOP_ROLE"], answer["model"]]
                print(json.dumps(row), file=stream)
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 128


server = Server(("127.0.0.1", port), Handler)
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
server.serve_forever(0.05)
server.server_close()
'''
FAKES = {
    "src/bentoml/__init__.py": "",
    "src/bentoml/__main__.py": SERVER,
    "src/loop/__init__.py": "",
    "src/loop/cli.py": (
        "import os, pathlib, sys\n"
        "def main():\n"
        "    assert sys.argv[1:] == ['materialize', '--if-empty'], sys.argv\n"
        "    if pathlib.Path('no-source').exists(): sys.exit('error: the source is broken')\n"
        "    store = pathlib.Path(os.environ['LOOP_FEATURES'], 'filled')\n"
        "    if not store.exists(): store.write_text('x')\n"
    ),
    "params.yaml": (Path(__file__).parents[2] / "params.yaml").read_text(),
    "deploy/policy.yaml": (Path(__file__).parents[2] / "deploy/policy.yaml").read_text(),
    ".gitignore": "/.deploy/\n/data/\n__pycache__/\n",
}


def git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def commit(number: int, **more: str) -> Version:
    """A version of a commit that holds its model, the lock that names it, and more files by name."""
    text = f"model {number}"
    made = {"models/model.skops": text, "models/reference.json": "{}"}
    outs = [
        {"path": name, "md5": hashlib.md5(held.encode(), usedforsecurity=False).hexdigest()}
        for name, held in made.items()
    ]
    lock = json.dumps({"stages": {"train": {"outs": outs}}})
    for name, content in {**FAKES, **made, "dvc.lock": lock, **more}.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(content)
    git("add", "--all")
    git("commit", "--quiet", "-m", f"version {number}")
    sha = git("rev-parse", "HEAD")
    for name in more:
        Path(name).unlink()
    return version(number, commit=sha, model=hashlib.sha256(text.encode()).hexdigest(), image=None)


def environment() -> None:
    """The Python that runs now, as the environment of all versions, made already."""
    home = Path(".deploy/environments/none/bin")
    home.mkdir(parents=True)
    (home / "python").symlink_to(Path(sys.executable).resolve())
    mark = Path(".deploy/complete/none")
    mark.parent.mkdir()
    mark.touch()


def transition(how, *more, number: Version | None = None) -> None:
    """One commit on production, by a function of loop.production.transitions."""
    branch.change(lambda now: (how(now.state, *more), how.__name__, number), lambda _: {})


def released(made: Version, rules) -> None:
    """Release a version."""
    transition(transitions.enter, made, rules, NOW, number=made)


LATER = at("2026-01-06T12:00")


def logged() -> list[tuple[str, str, str]]:
    """What the servers wrote of each prediction: request id, role, model."""
    texts = [path.read_text() for path in Path("data/predictions").glob("*.jsonl")]
    return [tuple(json.loads(line)) for text in texts for line in text.splitlines()]
