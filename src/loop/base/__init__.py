"""What every room stands on: errors, whole files, foreign text made harmless, plots, subprocesses.

It imports nothing of loop.
"""
