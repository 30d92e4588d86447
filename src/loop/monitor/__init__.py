"""On schedule: what arrived since training, whether it hurts, and the retrain that a person may merge."""
