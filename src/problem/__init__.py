"""YOURS: the problem in five small files. Imports nothing of `loop`."""
