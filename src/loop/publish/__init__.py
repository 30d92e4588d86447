"""Publish: posts what an unprivileged run of the review computed, and trusts none of it."""
