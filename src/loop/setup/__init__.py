"""What a machine and a repository on GitHub need, said and brought about.

It imports up to model and github.
"""
