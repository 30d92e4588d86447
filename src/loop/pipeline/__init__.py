"""`dvc repro`: ingest, validate, examples, train, evaluate. It imports up to model, and no other moment."""
