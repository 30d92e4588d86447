"""The command line, a module for each part of a model's life; each imports what it runs when it runs.

It may import every room.
"""
