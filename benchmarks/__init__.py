"""How fast it is, beside what else: `make bench`. Figures, not tests."""
