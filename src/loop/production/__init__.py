"""The branch `production`: its state, its log, and the transitions between states.

It imports up to model and github.
"""
