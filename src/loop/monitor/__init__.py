"""On schedule: what arrived since training, what it costs, and one decision.

It imports up to serve, review and deploy.
"""
