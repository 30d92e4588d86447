"""A model as the same bytes, what made it, its run in MLflow, and how it is had again.

It imports up to repo and stats.
"""
