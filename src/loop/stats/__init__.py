"""Pure statistics: arrays in, arrays out, without files, MLflow or a clock.

It imports nothing of loop but base.
"""
