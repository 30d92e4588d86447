"""The retraining pull request: made, reviewed and proposed. It imports up to history and monitor."""
