"""Lineage of a prediction, audit, reproduction, MLflow's registry: read from git, changed nowhere.

It imports up to serve, review and deploy.
"""
