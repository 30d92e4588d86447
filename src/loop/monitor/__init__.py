"""On schedule: what arrived since training, whether it hurts, and one decision.

It imports up to serve, review and deploy.
"""
