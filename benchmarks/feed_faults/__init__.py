"""Faults planted into feeds of three problems, and what the monitor says of them."""
