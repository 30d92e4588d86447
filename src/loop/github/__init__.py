"""GitHub's interface: comments, statuses, issues, pull requests, a workflow's outputs.

It imports up to repo.
"""
