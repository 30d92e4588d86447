"""What `loop serve` is compared with: four ways to serve the same model, and where our own time goes."""
