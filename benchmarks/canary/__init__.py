"""How often a canary is judged wrongly, and how long it takes to see a loss. Error rates, not speed."""
