"""."""
def page(f):
    """."""
    return ""
