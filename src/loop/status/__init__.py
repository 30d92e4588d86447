"""What a team wants to see at a glance, from git alone: on one screen, and as pages that need no server.

It imports up to release.
"""
