"""`python -m docs.make [--pictures]`: every page that is made from the code; the pictures take minutes."""

import sys

from docs.make import architecture, commands, readme

if "--pictures" in sys.argv:
    from docs.make import pictures

    pictures.main()
architecture.main()
commands.main()
readme.main()
