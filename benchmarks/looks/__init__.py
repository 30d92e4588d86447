"""Many candidates on one holdout: how often any of them passes by luck."""
