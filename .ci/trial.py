"""The model of this checkout as the first champion, as `production` would hold it: trial.py IMAGE FOLDER."""

import sys
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from loop.base.files import write_text
from loop.deploy import cluster_settings, kubernetes
from loop.model import lineage
from loop.production import rollout_policy, transitions
from loop.production.state import EMPTY, Version
from loop.repo.commit import checked_out
from loop.settings.paths import LINEAGE

image, folder = sys.argv[1:]
now = pd.Timestamp(datetime.now(UTC))
version = Version(
    version=1,
    commit=checked_out(),
    model=lineage.load(LINEAGE)["model"]["sha256"],
    image=image,
    released=now,
    lock="0" * 64,
    data={},
    verdict="better",
    pull=None,
    author="",
    approver=None,
)
state = transitions.enter(EMPTY, version, rollout_policy.read(), now)
for path, text in kubernetes.files(state, cluster_settings.read()).items():
    write_text(Path(folder, path), text)
