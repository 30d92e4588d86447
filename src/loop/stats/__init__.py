"""Pure statistics: arrays in, arrays out. No files, no MLflow, no clock."""
