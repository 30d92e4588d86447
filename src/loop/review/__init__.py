"""The pull request: champion against candidate, a verdict with evidence."""
