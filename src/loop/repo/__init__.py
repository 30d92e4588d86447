"""git, worktrees, dvc.lock and the pipeline run again. It imports base, settings and data."""
