"""Posts what an unprivileged run of the review computed, and trusts none of it.

It imports up to history and monitor.
"""
