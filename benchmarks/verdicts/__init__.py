"""How often the judge is right: coverage, A/A, power and known months. Error rates, not speed."""
