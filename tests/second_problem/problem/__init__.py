"""A second problem, as small as one can be: a regression. Imports nothing of `loop`."""
