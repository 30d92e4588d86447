"""Tables held to their contract, features joined as of each decision, the prediction log read back.

It imports base, settings and stats.
"""
