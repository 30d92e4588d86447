"""Better params, looked for within the training window: `loop search`.

It imports up to review.
"""
