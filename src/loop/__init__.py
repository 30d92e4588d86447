"""MACHINERY: one room per moment of a model's life. You never need to open it."""
