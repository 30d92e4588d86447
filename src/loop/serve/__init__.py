"""One model behind one endpoint, with features kept ready and every prediction on record.

It imports up to production.
"""
