"""What a merge leads to: whether it needs a release, who approved, the record and its notes.

It imports up to rollout.
"""
