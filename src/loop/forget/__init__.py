"""A person, erased from what a clone and its stores hold, and a record that names nobody.

It says what it cannot reach. It imports up to history.
"""
