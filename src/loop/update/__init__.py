"""A later version of the template, as a branch with one commit that the usual review judges.

Everything happens in a scratch repository that borrows this clone's objects. What it makes comes here as one
ref, at the end. It imports up to init and setup.
"""
