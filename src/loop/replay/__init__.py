"""A past lived again in minutes, beside champions that are never or blindly replaced.

It imports up to retrain.
"""
