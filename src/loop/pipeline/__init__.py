"""`dvc repro`: ingest, validate, examples, train, evaluate."""
