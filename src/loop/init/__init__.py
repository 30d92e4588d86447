"""A problem of one's own from a file of data: what the file holds, what it means, and the files that say so.

It imports base, kit, settings and repo.
"""
