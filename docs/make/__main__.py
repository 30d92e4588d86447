"""`python -m docs.make`: every page that is made from the code."""

from docs.make import architecture

architecture.main()
