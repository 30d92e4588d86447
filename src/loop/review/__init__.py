"""The pull request: champion against candidate, a verdict with evidence. It imports up to production."""
