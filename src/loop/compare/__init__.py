"""Two models beside each other: what differs, what it does to the scores, and why: `loop compare`.

It imports up to review.
"""
